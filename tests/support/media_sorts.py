"""Sorts of media files: how ffmpeg makes each, and what is known of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Facts = Mapping[str, Any]


class Sort(NamedTuple):
    """One sort of file: how it is made, and the part of the summary that is known."""

    arguments: str
    facts: Facts


V = "-f lavfi -i testsrc=size=160x90:rate=25"
A = "-f lavfi -i sine=frequency=440:sample_rate=48000"
# Six channels of one tone.
A6 = "-f lavfi -i aevalsrc=0.1*sin(880*t)|0|0|0|0|0:c=5.1:s=48000"
LENGTH = "-t 1"
ONE = "-frames:v 1"
H264 = f"-c:v libx264 -preset ultrafast -pix_fmt yuv420p {LENGTH}"
HEVC = f"-c:v libx265 -preset ultrafast {LENGTH} -x265-params log-level=none"
MASTERING = (
    ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    ":max-cll=1000,400:repeat-headers=1:hdr10=1"
)
WIDE = "-color_primaries bt2020 -colorspace bt2020nc -color_range tv"
CHAPTERS = """;FFMETADATA1
title=Ünïcode 日本語 🎬
artist=Ann = Bob; "C"
[CHAPTER]
TIMEBASE=1/1000
START=0
END=400
title=Première
[CHAPTER]
TIMEBASE=1/1000
START=400
END=1000
title=第二章
"""
SUBTITLES = "1\n00:00:00,100 --> 00:00:00,600\nHello\n\n2\n00:00:00,700 --> 00:00:00,900\nBye\n"
CONCAT_OF_RATES = (
    "-filter_complex [0:v]trim=0:0.4,setpts=PTS-STARTPTS[a];"
    "[0:v]trim=0.4:1,setpts=2*(PTS-STARTPTS)+0.4/TB[b];[a][b]interleave -vsync vfr"
)


def picture(codec: str, **facts: Any) -> Facts:
    return {"video": {"codec_name": codec, "width": 160, "height": 90, **facts}, "audio": []}


def film(container: str, video: str, *audio: str, **facts: Any) -> Facts:
    return {
        "format_name": container,
        **picture(video, avg_frame_rate=25.0, avg_frame_rate_rational="25/1", rotation=0, **facts),
        "audio": [{"codec_name": codec} for codec in audio],
    }


def sound(container: str, codec: str, channels: int = 1, rate: int = 48_000) -> Facts:
    track = {"codec_name": codec, "channels": channels, "sample_rate": rate}
    return {"format_name": container, "video": None, "audio": [track]}


MOV, MKV, AMR = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "-ar 8000 -ac 1"
H264_FACTS: Mapping[str, Any] = {"bit_depth": 8, "pix_fmt": "yuv420p", "hdr": None}
SILENT: Mapping[str, Any] = {"avg_frame_rate": 25.0}

FILMS: Mapping[str, Sort] = {
    "h264-aac.mp4": Sort(f"{V} {A} {H264} -c:a aac", film(MOV, "h264", "aac", **H264_FACTS)),
    "h264-aac.mov": Sort(f"{V} {A} {H264} -c:a aac", film(MOV, "h264", "aac")),
    "h264.3gp": Sort(f"{V} {H264}", film(MOV, "h264")),
    "faststart.mp4": Sort(f"{V} {H264} -movflags +faststart", film(MOV, "h264")),
    "fragmented.mp4": Sort(f"{V} {H264} -movflags frag_keyframe+empty_moov", film(MOV, "h264")),
    "prores.mov": Sort(
        f"{V} {LENGTH} -c:v prores_ks -profile:v 3", film(MOV, "prores", bit_depth=10)
    ),
    "ffv1-flac.mkv": Sort(f"{V} {A} {LENGTH} -c:v ffv1 -c:a flac", film(MKV, "ffv1", "flac")),
    "vp8-vorbis.webm": Sort(
        f"{V} {A} {LENGTH} -c:v libvpx -cpu-used 16 -c:a libvorbis", film(MKV, "vp8", "vorbis")
    ),
    "vp9-opus.webm": Sort(
        f"{V} {A} {LENGTH} -c:v libvpx-vp9 -cpu-used 8 -c:a libopus", film(MKV, "vp9", "opus")
    ),
    "av1.webm": Sort(f"{V} -t 0.4 -c:v libaom-av1 -cpu-used 8", film(MKV, "av1")),
    "av1.mp4": Sort(f"{V} -t 0.4 -c:v libaom-av1 -cpu-used 8", film(MOV, "av1")),
    "mpeg4-mp3.avi": Sort(
        f"{V} {A} {LENGTH} -c:v mpeg4 -c:a libmp3lame", film("avi", "mpeg4", "mp3")
    ),
    "flv1-mp3.flv": Sort(
        f"{V} {A} {LENGTH} -c:v flv -c:a libmp3lame -ar 44100",
        film("flv", "flv1", "mp3"),
    ),
    "h264-aac.ts": Sort(f"{V} {A} {H264} -c:a aac", film("mpegts", "h264", "aac")),
    "mpeg2-mp2.mpg": Sort(
        f"{V} {A} {LENGTH} -c:v mpeg2video -c:a mp2", film("mpeg", "mpeg2video", "mp2")
    ),
    "theora-vorbis.ogv": Sort(
        f"{V} {A} {LENGTH} -c:v libtheora -c:a libvorbis", film("ogg", "theora", "vorbis")
    ),
    "wmv2-wma.wmv": Sort(
        f"{V} {A} {LENGTH} -c:v wmv2 -c:a wmav2",
        {"format_name": "asf", "video": {"codec_name": "wmv2"}, "audio": [{"channels": 1}]},
    ),
    "mpeg2.mxf": Sort(f"{V} {LENGTH} -c:v mpeg2video", film("mxf", "mpeg2video")),
    "vp8.ivf": Sort(
        f"{V} {LENGTH} -c:v libvpx -cpu-used 16", {"format_name": "ivf", **picture("vp8")}
    ),
    "raw.h264": Sort(f"{V} {H264}", {"duration": None, **picture("h264", **SILENT)}),
    "raw.hevc": Sort(f"{V} {HEVC}", {"duration": None, **picture("hevc", **SILENT)}),
    "mpeg4.nut": Sort(f"{V} {LENGTH} -c:v mpeg4", {"format_name": "nut", **picture("mpeg4")}),
    "rv20.rm": Sort(
        "-f lavfi -i testsrc=size=176x144:rate=25 -t 1 -c:v rv20",
        {"format_name": "rm", "video": {"codec_name": "rv20", "width": 176, "height": 144}},
    ),
    "dv.dv": Sort(
        "-f lavfi -i testsrc=size=720x576:rate=25 -t 0.2 -pix_fmt yuv420p -c:v dvvideo",
        {"format_name": "dv", "video": {"width": 720, "height": 576, "avg_frame_rate": 25.0}},
    ),
}
SOUNDS: Mapping[str, Sort] = {
    "vorbis.ogg": Sort(f"{A} {LENGTH} -c:a libvorbis", sound("ogg", "vorbis")),
    "opus.opus": Sort(f"{A6} {LENGTH} -c:a libopus", sound("ogg", "opus", 6)),
    "mp3.mp3": Sort(f"{A} {LENGTH} -ac 2", sound("mp3", "mp3", 2)),
    "flac.flac": Sort(f"{A} {LENGTH}", sound("flac", "flac")),
    "pcm.wav": Sort(f"{A} {LENGTH} -ar 44100", sound("wav", "pcm_s16le", rate=44_100)),
    "pcm24.w64": Sort(f"{A} {LENGTH} -c:a pcm_s24le", sound("w64", "pcm_s24le")),
    "pcm.caf": Sort(f"{A} {LENGTH}", sound("caf", "pcm_s16be")),
    "pcm.aiff": Sort(f"{A} {LENGTH}", sound("aiff", "pcm_s16be")),
    "pcm.au": Sort(f"{A} {LENGTH}", sound("au", "pcm_s16be")),
    "pcm.voc": Sort(f"{A} {LENGTH}", sound("voc", "pcm_s16le")),
    "aac.aac": Sort(f"{A} {LENGTH}", sound("aac", "aac")),
    "aac-5.1.m4a": Sort(
        f"{A6} {LENGTH} -c:a aac",
        {**sound(MOV, "aac", 6), "audio": [{"channels": 6, "channel_layout": "5.1"}]},
    ),
    "alac.m4a": Sort(f"{A} {LENGTH} -c:a alac", sound(MOV, "alac")),
    "wma.wma": Sort(f"{A} {LENGTH}", sound("asf", "wmav2")),
    "ac3.ac3": Sort(f"{A6} {LENGTH}", sound("ac3", "ac3", 6)),
    "eac3.eac3": Sort(f"{A6} {LENGTH}", sound("eac3", "eac3", 6)),
    "dts.dts": Sort(f"{A6} {LENGTH} -strict -2 -c:a dca", sound("dts", "dts", 6)),
    "wavpack.wv": Sort(f"{A} {LENGTH}", sound("wv", "wavpack")),
    "tta.tta": Sort(f"{A} {LENGTH}", sound("tta", "tta")),
    "mlp.mlp": Sort(f"{A} {LENGTH} -strict -2", sound("mlp", "mlp")),
    "truehd.thd": Sort(f"{A6} {LENGTH} -strict -2", sound("truehd", "truehd", 6)),
    "tiny.wav": Sort(f"{A} -t 0.002", {**sound("wav", "pcm_s16le"), "duration": 0.002}),
}
SPECIAL: Mapping[str, Sort] = {
    "hdr10.mp4": Sort(
        f"{V} {HEVC}{MASTERING} -pix_fmt yuv420p10le -tag:v hvc1 {WIDE} -color_trc smpte2084",
        film(
            *(MOV, "hevc"),
            hdr="HDR10",
            bit_depth=10,
            profile="Main 10",
            color_range="tv",
            color_primaries="bt2020",
            color_transfer="smpte2084",
            color_space="bt2020nc",
        ),
    ),
    "hlg.mkv": Sort(
        f"{V} {HEVC} -pix_fmt yuv420p10le {WIDE} -color_trc arib-std-b67",
        film(MKV, "hevc", hdr="HLG", bit_depth=10, color_transfer="arib-std-b67"),
    ),
    "hi10.mp4": Sort(
        f"{V} {H264} -pix_fmt yuv420p10le",
        film(MOV, "h264", bit_depth=10, pix_fmt="yuv420p10le", profile="High 10", hdr=None),
    ),
    "444.mp4": Sort(f"{V} {H264} -pix_fmt yuv444p", film(MOV, "h264", pix_fmt="yuv444p")),
    "12-bit.mkv": Sort(
        f"{V} {LENGTH} -c:v ffv1 -pix_fmt yuv422p12le", film(MKV, "ffv1", bit_depth=12)
    ),
    "ntsc.mp4": Sort(
        f"-f lavfi -i testsrc=size=160x90:rate=30000/1001 {H264}",
        picture("h264", avg_frame_rate=29.97003, avg_frame_rate_rational="30000/1001"),
    ),
    "anamorphic.mkv": Sort(
        f"{V} {H264} -vf setsar=4/3", film(MKV, "h264", display_aspect_ratio="64:27")
    ),
    "vfr.mp4": Sort(f"{V} {LENGTH} {CONCAT_OF_RATES} {H264}", picture("h264", nb_frames=18)),
    "languages.mkv": Sort(
        f"{V} {A} {A6} {LENGTH} -map 0 -map 1 -map 2 -c:v mpeg4 -c:a ac3 -disposition:a:1 0"
        " -metadata:s:a:0 language=ger -metadata:s:a:1 language=jpn"
        " -metadata:s:a:1 title=Kommentär -disposition:a:1 comment -disposition:a:0 default",
        {
            "audio": [
                {"language": "ger", "title": None, "channels": 1, "disposition": ["default"]},
                {
                    "language": "jpn",
                    "title": "Kommentär",
                    "channels": 6,
                    "disposition": ["comment"],
                },
            ]
        },
    ),
    "chapters.mkv": Sort(
        f"{V} -i chapters.txt -map 0 -map_metadata 1 -map_chapters 1 {H264}",
        {
            "tags": {"title": "Ünïcode 日本語 🎬", "ARTIST": 'Ann = Bob; "C"'},
            "chapters": [
                {"start_time": 0.0, "end_time": 0.4, "title": "Première"},
                {"start_time": 0.4, "end_time": 1.0, "title": "第二章"},
            ],
        },
    ),
    "chapters.mp4": Sort(
        f"{V} -i chapters.txt -map 0 -map_metadata 1 -map_chapters 1 {H264}",
        {"chapters": [{"title": "Première"}, {"title": "第二章"}]},
    ),
    "tags.mp3": Sort(
        f"{A} -i chapters.txt -map 0 -map_metadata 1 {LENGTH}",
        {"tags": {"title": "Ünïcode 日本語 🎬"}},
    ),
    "srt.mkv": Sort(
        f"{V} -i words.srt -map 0:v -map 1:s {H264} -c:s srt -metadata:s:s:0 language=fre",
        {"subtitles": [{"codec_name": "subrip", "language": "fre"}]},
    ),
    "mov_text.mp4": Sort(
        f"{V} -i words.srt -map 0:v -map 1:s {H264} -c:s mov_text",
        {"subtitles": [{"codec_name": "mov_text"}]},
    ),
    "tiny.mp4": Sort(f"{V} {H264} {ONE}", film(MOV, "h264", nb_frames=1)),
}
PICTURES: Mapping[str, Sort] = {
    "still.png": Sort(f"{V} {ONE}", {"format_name": "png_pipe", **picture("png", bit_depth=8)}),
    "deep.png": Sort(f"{V} {ONE} -pix_fmt rgb48be", picture("png", bit_depth=16)),
    "still.jpg": Sort(f"{V} {ONE}", {"format_name": "jpeg_pipe", **picture("mjpeg")}),
    "still.webp": Sort(f"{V} {ONE}", {"format_name": "webp_pipe", **picture("webp")}),
    "still.bmp": Sort(f"{V} {ONE}", {"format_name": "bmp_pipe", **picture("bmp")}),
    "still.tiff": Sort(f"{V} {ONE}", {"format_name": "tiff_pipe", **picture("tiff")}),
    "still.jxl": Sort(f"{V} {ONE}", {"format_name": "jpegxl_pipe", **picture("jpegxl")}),
    "still.jp2": Sort(f"{V} {ONE}", picture("jpeg2000")),
    "still.avif": Sort(
        f"{V} {ONE} -c:v libaom-av1 -cpu-used 8 -still-picture 1 -pix_fmt yuv420p",
        {"format_name": MOV, **picture("av1")},
    ),
    "moving.gif": Sort(f"{V} {LENGTH}", {"format_name": "gif", **picture("gif")}),
}
# Made of files above.
DERIVED: Mapping[str, Sort] = {
    "cover.mp3": Sort(
        "-i mp3.mp3 -i still.jpg -map 0 -map 1 -c copy -disposition:v attached_pic",
        {"has_cover": True, **sound("mp3", "mp3", 2)},
    ),
    "cover.m4a": Sort(
        "-i alac.m4a -i still.jpg -map 0 -map 1 -c copy -disposition:v attached_pic",
        {"has_cover": True, **sound(MOV, "alac")},
    ),
    "cover.flac": Sort(
        "-i flac.flac -i still.png -map 0 -map 1 -c copy -disposition:v attached_pic",
        {"has_cover": True, **sound("flac", "flac")},
    ),
    "cover.mp4": Sort(
        "-i h264-aac.mp4 -i still.png -map 0 -map 1 -c copy -disposition:v:1 attached_pic",
        {"has_cover": True, **film(MOV, "h264", "aac")},
    ),
}
TURNED: Mapping[str, int] = {f"turned-{degrees}.mp4": degrees for degrees in (90, 180, 270)}
SORTS: Mapping[str, Facts] = {
    **{
        name: sort.facts
        for sorts in (FILMS, SOUNDS, SPECIAL, PICTURES, DERIVED)
        for name, sort in sorts.items()
    },
    **{
        name: {"video": {"width": 160, "height": 90, "rotation": degrees}}
        for name, degrees in TURNED.items()
    },
}
"""What is known of each file, by its name."""
