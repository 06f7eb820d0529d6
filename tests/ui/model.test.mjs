// What the events come to: servers that are kept, rows that change, the last minute.
import assert from 'node:assert/strict';
import test from 'node:test';
import { HISTORY, Model, errorShare, found, sorted, stateOf } from '../../ui/model.js';

const CLUSTER_COLUMNS = ['servers', 'usable', 'rate'];
const SERVER_COLUMNS = ['state', 'why', 'since', 'weight', 'in_flight', 'rate', 'error_rate', 'latency_ms'];
const row = (state, rate = 0, error_rate = 0, latency = null) => [state, '', 0, 1, 0, rate, error_rate, latency];

const whole = (...servers) => ({
  host: 'h', version: '1', file: 'f', generation: 1, workers: 1, totals: { at: 1, requests_s: 5, serving: true },
  cluster_columns: CLUSTER_COLUMNS, server_columns: SERVER_COLUMNS,
  clusters: [{ name: 'web', balance: 'round-robin', row: [servers.length, 1, 7] }],
  servers: servers.map(([name, ...r]) => ({ cluster: 0, name, endpoint: name + ':1', backup: false, priority: 0, row: row(...r) })),
});

test('a whole state, then what changes', () => {
  const m = new Model();
  assert.equal(m.changes({ totals: {}, clusters: {}, servers: {} }), false, 'changes of nothing');
  m.all(whole(['a', 'up', 3], ['b', 'down']));
  assert.deepEqual(m.servers.map((s) => s.row.state), ['up', 'down']);
  assert.equal(m.clusters[0].row.rate, 7);
  m.servers[0].changed = m.servers[1].changed = false;
  assert.equal(m.changes({ totals: { at: 2, requests_s: 6 }, clusters: { 0: [2, 2, 8] }, servers: { 1: row('up') } }), true);
  assert.deepEqual(m.servers.map((s) => s.changed), [false, true], 'only what changed is to be drawn');
  assert.equal(m.servers[1].row.state, 'up');
  assert.equal(m.clusters[0].row.usable, 2);
  assert.deepEqual(m.totalsHistory.get('requests_s').at, [5, 6]);
  assert.equal(m.changes({ totals: {}, clusters: {}, servers: { 7: row('up') } }), false, 'a server that is not known');
});

test('servers that stay keep their last minute', () => {
  const m = new Model();
  m.all(whole(['a', 'up', 3], ['b', 'up', 4]));
  const layout = m.layout;
  m.all(whole(['b', 'up', 5], ['c', 'up', 6]));
  assert.notEqual(m.layout, layout);
  assert.deepEqual(m.servers.map((s) => s.history.at), [[4, 5], [6]]);
});

test('a minute is no longer than a minute', () => {
  const m = new Model();
  m.all(whole(['a', 'up', 0]));
  for (let i = 1; i < HISTORY + 10; i++) m.changes({ totals: {}, clusters: {}, servers: { 0: row('up', i) } });
  assert.equal(m.servers[0].history.at.length, HISTORY);
  assert.equal(m.servers[0].history.at[HISTORY - 1], HISTORY + 9);
});

test('what has a problem is counted', () => {
  const m = new Model();
  m.all(whole(['a', 'up'], ['b', 'down'], ['c', 'drain'], ['d', 'ejected'], ['e', 'standby'], ['f', 'unchecked']));
  assert.deepEqual(m.counts(), { all: 6, problem: 3, up: 2 });
});

test('each state has a word and a tone; one that is not known, its own', () => {
  for (const s of ['up', 'down', 'drain', 'maintenance', 'ejected', 'checking', 'standby', 'unchecked'])
    assert.ok(stateOf(s).text && stateOf(s).tone);
  assert.equal(stateOf('new one').text, 'new one');
});

test('looking for servers', () => {
  const m = new Model();
  m.all(whole(['a1', 'up'], ['a2', 'down'], ['b1', 'drain']));
  const names = (words, which = 'all') => found(m.clusters[0], words, which).map((s) => s.name);
  assert.deepEqual(names(''), ['a1', 'a2', 'b1']);
  assert.deepEqual(names('A'), ['a1', 'a2', 'b1'], 'draining has an a');
  assert.deepEqual(names('web/a'), ['a1', 'a2']);
  assert.deepEqual(names('web down'), ['a2'], 'all words, in any order');
  assert.deepEqual(names('a2:1'), ['a2'], 'by address');
  assert.deepEqual(names('', 'problem'), ['a2', 'b1']);
  assert.deepEqual(names('nothing'), []);
});

test('sorting', () => {
  const m = new Model();
  m.all(whole(['s10', 'up', 1, 1], ['s9', 'down', 5, 1, 3], ['s1', 'up', null, null, 9]));
  const by = (what, down) => sorted(m.servers, what, down).map((s) => s.name);
  assert.deepEqual(by(''), ['s10', 's9', 's1'], 'as the file has it');
  assert.deepEqual(by('name'), ['s1', 's9', 's10'], 'numbers are numbers');
  assert.deepEqual(by('name', true), ['s10', 's9', 's1']);
  assert.deepEqual(by('state'), ['s9', 's10', 's1'], 'the worst first, then as the file has it');
  assert.deepEqual(by('rate'), ['s9', 's10', 's1'], 'unknown comes last');
  assert.deepEqual(by('errors'), ['s10', 's9', 's1']);
  assert.deepEqual(by('latency'), ['s1', 's9', 's10']);
  assert.deepEqual(m.servers.map((s) => s.name), ['s10', 's9', 's1'], 'the model stays as it is');
});

test('the share of errors', () => {
  assert.equal(errorShare({ rate: 4, error_rate: 1 }), 0.25);
  assert.equal(errorShare({ rate: 0, error_rate: 0 }), -1);
  assert.equal(errorShare({ rate: 0, error_rate: 2 }), 1, 'of what began before');
  assert.equal(errorShare({ rate: null, error_rate: null }), -1);
});
