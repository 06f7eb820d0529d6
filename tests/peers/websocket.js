// WebSockets by their own library, over HTTP/1.1 and HTTP/2: `server1 PORT`, `server2 PORT` echo; `client1 PORT`,
// `client2 PORT` say what came back.
'use strict';
const http2 = require('http2');
const WebSocket = require('ws');

// The library knows the handshake of HTTP/1.1 only; over HTTP/2 there is none, and a stream is its socket.
function over(stream, isServer) {
  const ws = new WebSocket(null, undefined, {});
  ws._isServer = isServer;
  ws.setSocket(stream, Buffer.alloc(0), { maxPayload: 1 << 26, skipUTF8Validation: false, allowSynchronousEvents: true });
  return ws;
}

const echo = ws => ws.on('message', (data, binary) => ws.send(data, { binary })).on('error', () => {});

function serve1(port) {
  const server = new WebSocket.Server({ host: '127.0.0.1', port: Number(port) }, () => console.log(`port ${server.address().port}`));
  server.on('connection', echo);
}

function serve2(port) {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream, headers) => {
    if (headers[':protocol'] !== 'websocket') {
      stream.respond({ ':status': 200 });
      stream.end('no WebSocket');
      return;
    }
    stream.respond({ ':status': 200 });
    echo(over(stream, true));
  });
  server.listen(Number(port), '127.0.0.1', () => console.log(`port ${server.address().port}`));
}

function talk(ws, done) {
  const large = Buffer.alloc(1 << 20, 'z');
  const got = [];
  ws.on('error', e => { console.log(JSON.stringify({ error: e.message })); done(); });
  ws.on('message', (data, binary) => {
    got.push(binary ? data.equals(large) : data.toString());
    if (got.length === 1) ws.send(large);
    if (got.length === 2) ws.close(4000, 'enough');
  });
  ws.on('close', (code, reason) => {
    console.log(JSON.stringify({ got, code, reason: reason.toString() }));
    done();
  });
  const begin = () => ws.send('hello');
  if (ws.readyState === WebSocket.OPEN) begin(); else ws.on('open', begin);
}

function ask1(port) {
  talk(new WebSocket(`ws://127.0.0.1:${port}/talk`), () => {});
}

function ask2(port) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('remoteSettings', settings => {
    if (!settings.enableConnectProtocol) {
      console.log(JSON.stringify({ error: 'not offered' }));
      session.close();
      return;
    }
    const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/talk', ':scheme': 'http',
      'sec-websocket-version': '13' }, { endStream: false });
    stream.on('response', headers => {
      if (headers[':status'] === 200) {
        talk(over(stream, false), () => session.close());
      } else {
        console.log(JSON.stringify({ status: headers[':status'] }));
        session.close();
      }
    });
  });
}

const [, , verb, port] = process.argv;
({ server1: serve1, server2: serve2, client1: ask1, client2: ask2 })[verb](port);
