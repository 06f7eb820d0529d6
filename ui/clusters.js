// clusters - a section each, with a table of its servers. Only what changed is touched, only rows that can be
// seen get a new line each second, and a folded cluster has no rows at all.
import { count, milliseconds, ago, share } from './format.js';
import { errorShare, found, sorted, stateOf } from './model.js';
import { Spark, element } from './spark.js';
import { find, make, mark, write } from './dom.js';

const ROWS = 200; // at a time; more when asked
const FOLD_ABOVE = 60; // servers of a cluster, when there are several clusters

const COLUMNS = [
  ['name', 'Server', ''], ['state', 'State', ''], ['weight', 'Weight', 'number weight'],
  ['in_flight', 'In flight', 'number'], ['rate', 'Rate', 'number'], ['errors', 'Errors', 'number'],
  ['latency', 'Latency', 'number'],
];

// A shape for each tone, so that colour is not all there is.
const SHAPES = {
  good: () => [element('circle', { class: 'fill', cx: 6, cy: 6, r: 4.5 })],
  bad: () => [element('path', { class: 'stroke', d: 'M2 2l8 8M10 2l-8 8' })],
  warn: () => [element('path', { class: 'fill', d: 'M6 1l5.2 9.6H.8z' })],
  calm: () => [element('circle', { class: 'stroke', cx: 6, cy: 6, r: 4 })],
};

class Row {
  constructor(server, seen) {
    this.server = server;
    this.visible = false;
    this.spark = new Spark();
    this.icon = element('svg', { viewBox: '0 0 12 12', 'aria-hidden': 'true' });
    this.word = make('span');
    this.since = make('span', { class: 'since' });
    this.state = make('span', { class: 'state' }, this.icon, this.word, this.since);
    this.why = make('span', { class: 'why' });
    this.cell = {};
    const number = (name, label, more = '') =>
      (this.cell[name] = make('td', { class: 'number ' + more, role: 'cell', 'data-label': label }));
    const name = make('td', { class: 'server', role: 'cell' }, make('b', {}, server.name));
    if (server.backup) name.append(make('span', { class: 'tag' }, 'backup'));
    if (server.priority > 0) name.append(make('span', { class: 'tag' }, 'priority ' + server.priority));
    name.append(make('span', { class: 'address' }, server.endpoint));
    this.node = make('tr', { role: 'row' }, name,
      make('td', { class: 'health', role: 'cell' }, this.state, this.why),
      number('weight', 'Weight', 'weight'), number('in_flight', 'In flight'), number('rate', 'Rate'),
      number('errors', 'Errors'), number('latency', 'Latency'),
      make('td', { class: 'chart', role: 'cell' }, this.spark.node));
    this.node.row = this;
    seen.observe(this.node);
    this.draw();
  }

  draw() {
    const r = this.server.row;
    const state = stateOf(r.state);
    if (this.tone !== state.tone) {
      this.tone = state.tone;
      this.state.className = 'state ' + state.tone;
      this.icon.replaceChildren(...SHAPES[state.tone]());
    }
    write(this.word, state.text);
    const why = state.problem || r.state === 'checking' ? r.why : '';
    write(this.why, why);
    this.why.hidden = !why;
    write(this.cell.weight, String(r.weight));
    write(this.cell.in_flight, r.max_connections > 0 ? r.in_flight + '/' + r.max_connections : count(r.in_flight));
    write(this.cell.rate, r.rate === null ? '–' : count(r.rate) + '/s');
    write(this.cell.errors, share(r.error_rate, r.rate));
    mark(this.cell.errors, 'bad', errorShare(r) > 0);
    write(this.cell.latency, milliseconds(r.latency_ms).join(' ').trim());
    this.server.changed = false;
  }

  // What goes on by itself.
  tick(now) {
    if (!this.visible) return;
    write(this.since, ago(now - this.server.row.since));
    this.spark.draw(this.server.history.at);
  }
}

class Section {
  constructor(cluster, owner) {
    this.owner = owner;
    this.rows = new Map();
    this.limit = ROWS;
    this.body = make('tbody', { role: 'rowgroup' });
    this.more = make('button', { type: 'button', class: 'more-rows', hidden: true });
    this.more.addEventListener('click', () => {
      this.limit += ROWS;
      this.arrange();
    });
    this.facts = make('span', { class: 'cluster-facts' });
    this.kind = make('span', { class: 'cluster-kind' });
    const chevron = element('svg', { class: 'chevron', viewBox: '0 0 12 12', 'aria-hidden': 'true' });
    chevron.append(element('path', { d: 'M4 2l4 4-4 4' }));
    this.head = make('button', { type: 'button', class: 'cluster-head' }, chevron,
      make('span', { class: 'cluster-name' }, cluster.name), this.kind, this.facts);
    this.head.addEventListener('click', () => this.fold(this.is_open()));
    this.table = make('table', { role: 'table' });
    this.table.setAttribute('aria-label', 'Servers of ' + cluster.name);
    this.table.append(this.header(), this.body);
    this.node = make('section', { class: 'cluster' }, make('h2', {}, this.head), this.table, this.more);
  }

  header() {
    const row = make('tr', { role: 'row' });
    this.titles = new Map();
    for (const [by, title, kind] of COLUMNS) {
      const arrow = make('span', { class: 'arrow', 'aria-hidden': 'true' }, '↓');
      const button = make('button', { type: 'button' }, title, arrow);
      button.addEventListener('click', () => this.owner.sort(by));
      const th = make('th', { class: kind, role: 'columnheader', scope: 'col' }, button);
      this.titles.set(by, { th, arrow });
      row.append(th);
    }
    row.append(make('th', { class: 'plain', role: 'columnheader', scope: 'col' }, 'Last minute'));
    return make('thead', { role: 'rowgroup' }, row);
  }

  // What is looked for is shown, whether its cluster is folded or not, unless it is folded then.
  is_open() {
    return this.owner.looks_for_some() ? !this.folded_again : this.open;
  }

  fold(folded) {
    if (this.owner.looks_for_some()) this.folded_again = folded;
    else this.open = !folded;
    this.arrange();
  }

  forget() {
    for (const row of this.rows.values()) this.owner.seen.unobserve(row.node);
    this.rows.clear();
    this.body.replaceChildren();
  }

  // Which rows there are, and in which order.
  arrange() {
    const { words, which, by, upside_down } = this.owner;
    const matching = found(this.cluster, words, which);
    this.node.hidden = matching.length === 0 && this.owner.looks_for_some();
    this.matching = matching.length;
    const open = this.is_open();
    this.head.setAttribute('aria-expanded', String(open));
    this.table.hidden = !open;
    const shown = open ? sorted(matching, by, upside_down).slice(0, this.limit) : [];
    const wanted = new Set(shown);
    for (const [server, row] of this.rows) {
      if (wanted.has(server)) continue;
      this.owner.seen.unobserve(row.node);
      row.node.remove();
      this.rows.delete(server);
    }
    let at = this.body.firstElementChild;
    for (const server of shown) {
      let row = this.rows.get(server);
      if (!row) this.rows.set(server, (row = new Row(server, this.owner.seen)));
      if (row.node === at) at = at.nextElementSibling;
      else this.body.insertBefore(row.node, at);
    }
    const left = matching.length - shown.length;
    this.more.hidden = !open || left <= 0;
    write(this.more, 'Show ' + Math.min(left, ROWS) + ' more of ' + left);
    for (const [name, { th, arrow }] of this.titles) {
      if (name === by) th.setAttribute('aria-sort', upside_down ? 'ascending' : 'descending');
      else th.removeAttribute('aria-sort');
      write(arrow, upside_down ? '↑' : '↓');
    }
  }

  fact(name, tone, number, text) {
    return make('span', { class: tone, 'data-name': name }, make('b', {}, number), ' ' + text);
  }

  drawHead() {
    const r = this.cluster.row;
    write(this.kind, this.cluster.balance);
    const facts = [
      [r.in_use === 0 ? 'bad' : r.usable < r.servers ? 'warn' : '', r.usable + '/' + r.servers, 'usable'],
      ['', r.rate === null ? '–' : count(r.rate), 'req/s'],
      [r.error_rate > 0 ? 'bad' : '', share(r.error_rate, r.rate), 'errors'],
      ['', milliseconds(r.first_byte_p50_ms).join(' ').trim(), 'p50'],
      ['', milliseconds(r.first_byte_p99_ms).join(' ').trim(), 'p99'],
    ];
    if (r.waiting > 0) facts.push(['warn', count(r.waiting), 'waiting']);
    if (r.breaker_open) facts.push(['bad', 'Circuit breaker', 'open']);
    if (r.backup) facts.push(['warn', 'Backups', 'in use']);
    const said = JSON.stringify(facts);
    if (said === this.said) return;
    this.said = said;
    this.facts.replaceChildren(...facts.map(([tone, number, text]) => this.fact(text, tone, number, text)));
  }

  draw(now) {
    this.drawHead();
    for (const row of this.rows.values()) {
      if (row.server.changed) row.draw();
      row.tick(now);
    }
  }
}

export class Clusters {
  constructor() {
    this.words = '';
    this.which = 'all';
    this.by = '';
    this.upside_down = false;
    this.sections = new Map();
    this.seen = new IntersectionObserver((entries) => {
      for (const e of entries) {
        e.target.row.visible = e.isIntersecting;
        if (e.isIntersecting) e.target.row.tick(this.now ?? 0);
      }
    }, { rootMargin: '200px' });
  }

  looks_for_some() {
    return this.words !== '' || this.which !== 'all';
  }

  look_for(words, which) {
    this.words = words;
    this.which = which;
    for (const s of this.sections.values()) s.folded_again = false;
    if (this.model) this.arrange();
    if (this.model) this.draw(this.now);
  }

  // First as it is most useful, then the other way round, then as the file has it.
  sort(by) {
    if (this.by !== by) {
      this.by = by;
      this.upside_down = false;
    } else if (!this.upside_down) {
      this.upside_down = true;
    } else {
      this.by = '';
      this.upside_down = false;
    }
    this.arrange();
  }

  // Clusters came, went or have other servers.
  layout(model) {
    this.model = model;
    const before = this.sections;
    this.sections = new Map();
    for (const cluster of model.clusters) {
      let section = before.get(cluster.name);
      const is_new = !section;
      if (is_new) section = new Section(cluster, this);
      before.delete(cluster.name);
      section.cluster = cluster;
      section.forget();
      this.sections.set(cluster.name, section);
      find('clusters').append(section.node);
      if (is_new) section.fold(model.clusters.length > 1 && cluster.servers.length > FOLD_ABOVE);
    }
    for (const gone of before.values()) {
      gone.forget();
      gone.node.remove();
    }
    this.arrange();
  }

  arrange() {
    for (const section of this.sections.values()) section.arrange();
    this.drawEmpty();
  }

  drawEmpty() {
    const matching = [...this.sections.values()].reduce((n, s) => n + s.matching, 0);
    const text = this.model.clusters.length === 0 ? 'The configuration has no clusters.'
      : matching > 0 || !this.looks_for_some() ? ''
        : this.words ? 'No server matches “' + this.words + '”.' : 'No server has a problem.';
    write(find('empty'), text);
    find('empty').hidden = text === '';
  }

  draw(now) {
    this.now = now;
    // Rows that are sorted by what changes, or looked for by their state, move.
    if (this.by || this.looks_for_some()) this.arrange();
    for (const section of this.sections.values()) section.draw(now);
  }

  allFolded() {
    return [...this.sections.values()].every((s) => !s.is_open());
  }

  foldAll(folded) {
    for (const section of this.sections.values()) section.fold(folded);
    this.draw(this.now);
  }
}
