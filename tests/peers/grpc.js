// gRPC by its own library: `server PORT` serves, `client PORT` calls it through whatever is there, and says what came.
'use strict';
const grpc = require('@grpc/grpc-js');

const text = { serialize: s => Buffer.from(s), deserialize: b => b.toString() };
const method = (name, requestStream, responseStream) => ({
  path: `/test.Talk/${name}`, requestStream, responseStream,
  requestSerialize: text.serialize, requestDeserialize: text.deserialize,
  responseSerialize: text.serialize, responseDeserialize: text.deserialize });
const Talk = {
  unary: method('Unary', false, false),
  fails: method('Fails', false, false),
  many: method('Many', false, true),
  gather: method('Gather', true, false),
  chat: method('Chat', true, true),
  waits: method('Waits', false, false) };
const health = {
  check: { path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false,
    requestSerialize: b => b, requestDeserialize: b => b, responseSerialize: b => b, responseDeserialize: b => b } };

function serve(port) {
  const server = new grpc.Server();
  const seen = [];
  server.addService(health, { check: (call, done) => done(null, Buffer.from([8, 1])) });
  server.addService(Talk, {
    unary(call, done) {
      const trailers = new grpc.Metadata();
      trailers.set('x-sum', String(call.request.length));
      done(null, call.request, trailers);
    },
    fails: (call, done) => done({ code: grpc.status.FAILED_PRECONDITION, details: 'not like this' }),
    many(call) {
      for (let i = 0; i < 100; i++) call.write(`${call.request} ${i}`);
      call.end();
    },
    gather(call, done) {
      let n = 0;
      call.on('data', s => { n += s.length; }).on('end', () => done(null, String(n)));
    },
    chat(call) {
      call.on('data', s => call.write(`re: ${s}`)).on('end', () => call.end());
    },
    waits(call) {
      call.on('cancelled', () => console.log('cancelled'));
    } });
  server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
    if (error) throw error;
    console.log(`port ${bound}`);
  });
}

async function ask(port) {
  const Client = grpc.makeGenericClientConstructor(Talk, 'Talk');
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const simple = (call, request) => new Promise((resolve, reject) => {
    let trailers;
    call.call(client, request, (error, answer) => (error ? reject(error) : setImmediate(() => resolve([answer, trailers]))))
      .on('status', s => { trailers = s.metadata.getMap(); });
  });
  const said = {};
  const large = 'x'.repeat(1 << 20);
  const [answer, trailers] = await simple(client.unary, large);
  said.unary = [answer === large, trailers['x-sum']];
  said.fails = await simple(client.fails, 'x').catch(e => [e.code, e.details]);
  said.many = await new Promise((resolve, reject) => {
    const got = [];
    client.many('piece').on('data', s => got.push(s)).on('error', reject)
      .on('status', s => resolve([got.length, got[99], s.code]));
  });
  said.gather = await new Promise((resolve, reject) => {
    const call = client.gather((error, n) => (error ? reject(error) : resolve(n)));
    for (let i = 0; i < 100; i++) call.write('y'.repeat(10000));
    call.end();
  });
  said.chat = await new Promise((resolve, reject) => { // each waits for the answer to the one before
    const got = [];
    const call = client.chat();
    call.on('data', s => {
      got.push(s);
      if (got.length < 10) call.write(String(got.length)); else call.end();
    }).on('error', reject).on('status', s => resolve([got.length, got[9], s.code]));
    call.write('0');
  });
  said.deadline = await new Promise(resolve => {
    client.waits('x', { deadline: Date.now() + 300 }, error => resolve(error.code));
  });
  said.together = (await Promise.all(Array.from({ length: 200 }, (_, i) => simple(client.unary, `n ${i}`))))
    .every(([s], i) => s === `n ${i}`);
  console.log(JSON.stringify(said));
  client.close();
}

const [, , verb, port] = process.argv;
(verb === 'server' ? serve : ask)(port);
