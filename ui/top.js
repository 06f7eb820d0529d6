// top - who this is, how the connection is, and the totals.
import { count, bytes, milliseconds, duration, ago, share } from './format.js';
import { Spark } from './spark.js';
import { find, make, mark, write } from './dom.js';

const CARDS = [
  ['Requests', 'requests_s', (t) => [count(t.requests_s), '/s'], (t) => count(t.in_flight) + ' in flight'],
  ['Success', 'responses_2xx_s', (t) => [count(t.responses_2xx_s), '/s'],
    (t) => share(t.responses_2xx_s, responses(t)) + ' of responses'],
  ['Client errors', 'responses_4xx_s', (t) => [count(t.responses_4xx_s), '/s'],
    (t) => share(t.responses_4xx_s, responses(t)) + ' are 4xx'],
  ['Server errors', 'responses_5xx_s', (t) => [count(t.responses_5xx_s), '/s'],
    (t) => share(t.responses_5xx_s, responses(t)) + ' are 5xx'],
  ['Latency, p50', 'first_byte_p50_ms', (t) => milliseconds(t.first_byte_p50_ms),
    (t) => 'p99 ' + milliseconds(t.first_byte_p99_ms).join(' ').trim()],
  ['Connections', 'connections', (t) => [count(t.connections), ''], () => 'of clients, open'],
  ['Sent', 'sent_bytes_s', (t) => perSecond(bytes(t.sent_bytes_s)),
    (t) => perSecond(bytes(t.received_bytes_s)).join(' ') + ' received'],
];

function responses(t) {
  if (t.responses_2xx_s === null) return null;
  return t.responses_2xx_s + t.responses_3xx_s + t.responses_4xx_s + t.responses_5xx_s;
}

const perSecond = ([number, unit]) => [number, unit && unit + '/s'];

export class Top {
  constructor() {
    this.cards = CARDS.map(([title, history, value, more]) => {
      const card = {
        history, value, more, spark: new Spark(), number: make('span'), unit: make('span', { class: 'unit' }),
        note: make('span', { class: 'more' }),
      };
      card.node = make('article', { class: 'total' }, make('h2', {}, title),
        make('div', { class: 'value' }, card.number, card.unit), card.note, card.spark.node);
      find('totals').append(card.node);
      return card;
    });
    this.facts = new Map();
  }

  fact(name, text, bad = false) {
    let fact = this.facts.get(name);
    if (!fact) {
      fact = { value: make('dd') };
      fact.node = make('div', {}, make('dt', {}, name), fact.value);
      find('facts').append(fact.node);
      this.facts.set(name, fact);
    }
    write(fact.value, text);
    mark(fact.value, 'bad', bad);
  }

  link(how, text) {
    find('link').className = 'link ' + how;
    write(find('link-text'), text);
  }

  // What is wrong with all of it; null: nothing.
  notice(text, bad) {
    const node = find('notice');
    if (text) write(node, text);
    mark(node, 'bad', Boolean(bad));
    node.hidden = !text;
  }

  draw(model) {
    const { process, totals } = model;
    write(find('host'), process.host);
    this.fact('Version', process.version);
    this.fact('Generation', String(process.generation));
    this.fact('Workers', String(process.workers));
    this.fact('Up', duration(totals.uptime_s));
    this.fact('Last reload', totals.reloads === 0 ? 'none yet'
      : (totals.reload_refused ? 'refused ' : '') + ago(totals.at - totals.reload_at) + ' ago', totals.reload_refused);
    this.fact('File', process.file);
    this.totals(model);
  }

  totals(model) {
    const t = model.totals;
    for (const card of this.cards) {
      const [number, unit] = card.value(t);
      write(card.number, number);
      write(card.unit, unit);
      write(card.note, card.more(t));
      mark(card.node, 'bad', card.history === 'responses_5xx_s' && t.responses_5xx_s > 0);
      const history = model.totalsHistory.get(card.history);
      if (history) card.spark.draw(history.at);
    }
  }
}
