// Numbers as people read them, and lines as they are drawn.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ago, bytes, count, duration, milliseconds, share } from '../../ui/format.js';
import { HEIGHT, WIDTH, paths, points } from '../../ui/spark.js';
import { HISTORY } from '../../ui/model.js';

const rows = (f, ...table) => {
  for (const [input, output] of table) assert.deepEqual(f(...[input].flat()), output, JSON.stringify(input));
};

test('counts', () =>
  rows(count, [null, '–'], [0, '0'], [0.5, '0.50'], [1.5, '1.5'], [7, '7'], [42.4, '42'], [9999, '9999'],
    [10000, '10.0k'], [123456, '123k'], [999499, '999k'], [999500, '1.00M'], [5.25e6, '5.25M'], [2e9, '2.00G']));

test('bytes', () =>
  rows(bytes, [null, ['–', '']], [0, ['0', 'B']], [999, ['999', 'B']], [1000, ['0.98', 'KiB']], [1536, ['1.50', 'KiB']],
    [5 * 1024 * 1024, ['5.00', 'MiB']]));

test('milliseconds', () =>
  rows(milliseconds, [null, ['–', '']], [0.123, ['0.12', 'ms']], [5.55, ['5.5', 'ms']], [123.4, ['123', 'ms']],
    [1500, ['1.50', 's']], [61000, ['61.0', 's']]));

test('durations', () => {
  rows(duration, [-1, '0s'], [0, '0s'], [59, '59s'], [60, '1m'], [61, '1m 1s'], [3600, '1h'], [7260, '2h 1m'],
    [90000, '1d 1h']);
  rows(ago, [0, '0s'], [59.9, '59s'], [60, '1m'], [3599, '59m'], [86400, '1d']);
});

test('shares', () =>
  rows((a, b) => share(a, b), [[0, 10], '0%'], [[1, 0], '–'], [[null, 1], '–'], [[1, null], '–'], [[1, 10000], '<0.1%'],
    [[1, 100], '1.0%'], [[1, 3], '33%'], [[5, 4], '100%']));

test('a line: the newest at the right, the highest at the top, all within the frame', () => {
  const p = points([0, 5, 10]);
  assert.equal(p[2][0], WIDTH);
  assert.ok(p[2][1] < p[1][1] && p[1][1] < p[0][1]);
  for (const [x, y] of points(Array.from({ length: HISTORY }, (_, i) => i * i))) {
    assert.ok(x >= 0 && x <= WIDTH && y >= 0 && y <= HEIGHT);
  }
  assert.ok(points([0, 0]).every(([, y]) => y === HEIGHT - 1), 'nothing at all is a line at the bottom');
});

test('a gap breaks the line', () => {
  const { line, area } = paths([1, 2, null, 3, 4]);
  assert.equal(line.match(/M/g).length, 2);
  assert.equal(area.match(/Z/g).length, 2);
  assert.deepEqual(paths([null, null]), { line: '', area: '' });
  assert.deepEqual(paths([null, 3]), { line: '', area: '' }, 'one point is no line');
});
