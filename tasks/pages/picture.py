"""What can be said of a picture, and made of it, once the browser has encoded it."""

from io import BytesIO

from PIL import Image

from farm.jobs.errors import CaptureFailed

_FORMATS = ("PNG", "JPEG", "WEBP")
_BLANK_SHARE = 0.995
_BYTES_PER_PIXEL_MAX = 0.06
"""A picture of one colour, but for 0.5 % of its pixels, is smaller than this in each format:
it need not be decoded to know that it is not blank, and decoding is most of the cost."""
_GRID_PX = 256
"""Each side of the sample that is looked at: 65,536 pixels."""
_THUMBNAIL_RATIO_MAX = 2
_THUMBNAIL_QUALITY = 80

# The size is limited before a picture is taken; Pillow's own guard is for strangers' files.
Image.MAX_IMAGE_PIXELS = None


def size_px(picture: bytes, image_type: str) -> tuple[int, int]:
    """Return the picture's size, which proves that it is one: nothing empty is ever stored."""
    try:
        with Image.open(BytesIO(picture), formats=[image_type]) as image:
            return image.size
    except OSError as error:
        raise CaptureFailed("The browser made no picture of this page.") from error


def is_blank(picture: bytes) -> bool:
    """Return whether one colour covers at least 99.5 % of the picture."""
    try:
        with Image.open(BytesIO(picture), formats=_FORMATS) as image:
            if len(picture) > image.width * image.height * _BYTES_PER_PIXEL_MAX:
                return False
            image.draft("RGB", (image.width // 2, image.height // 2))
            sample = image.convert("RGBA").resize((_GRID_PX, _GRID_PX), Image.Resampling.NEAREST)
    except OSError as error:
        raise CaptureFailed("The browser made no picture of this page.") from error
    colours = sample.getcolors(_GRID_PX * _GRID_PX) or []
    return max(count for count, _ in colours) >= _BLANK_SHARE * _GRID_PX * _GRID_PX


def thumbnail(picture: bytes, width_px: int) -> bytes:
    """Return a WebP of ``picture``, ``width_px`` wide and at most twice as tall.

    Of a taller one it shows the top.
    """
    with Image.open(BytesIO(picture), formats=_FORMATS) as image:
        top = image.crop((0, 0, image.width, min(image.height, image.width * _THUMBNAIL_RATIO_MAX)))
    height_px = max(1, round(top.height * width_px / top.width))
    small = top.convert("RGBA").resize((width_px, height_px), Image.Resampling.LANCZOS)
    output = BytesIO()
    small.save(output, "WEBP", quality=_THUMBNAIL_QUALITY)
    return output.getvalue()
