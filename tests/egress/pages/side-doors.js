// Ways out that know nothing of HTTP.
const servers = [
  { urls: "stun:10.0.0.5:3478" },
  { urls: "stun:127.0.0.1:3479" },
  { urls: "stun:stun.leak.test:3478" },
  { urls: "turn:10.0.0.6:3478?transport=udp", username: "a", credential: "b" },
  { urls: "turn:10.0.0.6:3478?transport=tcp", username: "a", credential: "b" },
  { urls: "turns:10.0.0.6:5349?transport=tcp", username: "a", credential: "b" },
  { urls: "turn:turn.leak.test:3478?transport=udp", username: "a", credential: "b" },
];
const candidates = [
  "10.8.8.8 8888 typ host",
  "127.0.0.1 8888 typ host",
  "224.0.0.251 5353 typ host",
  "ice.leak.test 8888 typ host",
];
async function knock() {
  const here = new RTCPeerConnection({ iceServers: servers });
  const there = new RTCPeerConnection();
  here.createDataChannel("a");
  await here.setLocalDescription(await here.createOffer());
  await there.setRemoteDescription(here.localDescription);
  const answer = await there.createAnswer();
  await here.setRemoteDescription(answer);
  for (const each of candidates) {
    const [address, port, ...rest] = each.split(" ");
    const candidate = `candidate:1 1 udp 2113937151 ${address} ${port} ${rest.join(" ")}`;
    here.addIceCandidate({ candidate, sdpMid: "0", sdpMLineIndex: 0 }).catch(() => {});
  }
  const tcp = "candidate:2 1 tcp 1518280447 10.8.8.9 8889 typ host tcptype passive";
  here.addIceCandidate({ candidate: tcp, sdpMid: "0", sdpMLineIndex: 0 }).catch(() => {});
}
knock().catch(() => {});
