// spark - the last minute as a line. The path is pure, drawing is not.
import { HISTORY } from './model.js';

const SVG = 'http://www.w3.org/2000/svg';
export const WIDTH = 120;
export const HEIGHT = 24;

// Where the points are, the newest at the right end; a gap (null) breaks the line. The highest stands below
// the top edge, and all zeros are at the bottom.
export function points(values, width = WIDTH, height = HEIGHT) {
  const most = Math.max(0, ...values.filter((v) => v !== null));
  const step = width / (HISTORY - 1);
  const first = HISTORY - values.length;
  return values.map((v, i) => {
    if (v === null) return null;
    const y = most > 0 ? height - 1 - (v / most) * (height - 3) : height - 1;
    return [round((first + i) * step), round(y)];
  });
}

const round = (n) => Math.round(n * 10) / 10;

// {line, area}: two paths, empty where nothing is known.
export function paths(values, width = WIDTH, height = HEIGHT) {
  let line = '';
  let area = '';
  let run = [];
  const end = () => {
    if (run.length > 1) {
      const text = run.map(([x, y]) => x + ' ' + y).join('L');
      line += 'M' + text;
      area += 'M' + run[0][0] + ' ' + height + 'L' + text + 'L' + run[run.length - 1][0] + ' ' + height + 'Z';
    }
    run = [];
  };
  for (const p of points(values, width, height)) {
    if (p) run.push(p);
    else end();
  }
  end();
  return { line, area };
}

export function element(name, attributes = {}) {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

// Says nothing to who cannot see it: the numbers beside it do.
export class Spark {
  constructor() {
    this.node = element('svg', {
      class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true',
    });
    this.area = element('path', { class: 'area' });
    this.line = element('path', { class: 'line' });
    this.node.append(element('path', { class: 'base', d: `M0 ${HEIGHT - 0.5}H${WIDTH}` }), this.area, this.line);
    this.drawn = '';
  }
  draw(values) {
    const { line, area } = paths(values);
    if (line === this.drawn) return;
    this.drawn = line;
    this.line.setAttribute('d', line);
    this.area.setAttribute('d', area);
  }
}
