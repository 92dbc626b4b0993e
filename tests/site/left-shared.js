let connections = 0
const radio = new BroadcastChannel('left')
setInterval(() => radio.postMessage('shared worker'), 5)
onconnect = event => event.ports[0].postMessage(++connections)
