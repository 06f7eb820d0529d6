// model - what the events say, put together: clusters, servers, totals, and their last minute. Pure: it
// knows no page.

export const HISTORY = 60;

// What keeps a server from getting requests, the worst first; `problem` ones are what one looks for.
export const STATES = {
  down: { text: 'Down', tone: 'bad', problem: true },
  ejected: { text: 'Ejected', tone: 'bad', problem: true },
  maintenance: { text: 'Maintenance', tone: 'warn', problem: true },
  drain: { text: 'Draining', tone: 'warn', problem: true },
  checking: { text: 'Checking', tone: 'calm', problem: false },
  standby: { text: 'Standby', tone: 'calm', problem: false },
  unchecked: { text: 'Unchecked', tone: 'calm', problem: false },
  up: { text: 'Up', tone: 'good', problem: false },
};
const ORDER = Object.keys(STATES);

export function stateOf(name) {
  return STATES[name] || { text: name, tone: 'calm', problem: false };
}

// The last HISTORY numbers, oldest first; null where nothing is known.
export class History {
  constructor() {
    this.at = [];
  }
  add(value) {
    this.at.push(value ?? null);
    if (this.at.length > HISTORY) this.at.shift();
  }
}

function named(columns, row) {
  const out = {};
  columns.forEach((name, i) => (out[name] = row[i]));
  return out;
}

const key = (cluster, name, endpoint) => JSON.stringify([cluster, name, endpoint]);

export class Model {
  constructor() {
    this.process = null; // host, version, file, generation, workers
    this.totals = null;
    this.clusters = []; // {index, name, balance, row, servers, history}
    this.servers = []; // {index, cluster, name, endpoint, row, history, ...}
    this.totalsHistory = new Map();
    this.layout = 0; // another number: clusters or servers are others
  }

  // Takes a whole state. What has been known of servers that stay is kept.
  all(said) {
    const known = new Map(this.servers.map((s) => [key(s.cluster.name, s.name, s.endpoint), s]));
    const knownClusters = new Map(this.clusters.map((c) => [c.name, c]));
    this.clusterColumns = said.cluster_columns;
    this.serverColumns = said.server_columns;
    this.process = {
      host: said.host, version: said.version, file: said.file, generation: said.generation, workers: said.workers,
    };
    this.clusters = said.clusters.map((c, index) => ({
      index, name: c.name, balance: c.balance, row: named(said.cluster_columns, c.row), servers: [],
      history: knownClusters.get(c.name)?.history ?? new History(),
    }));
    this.servers = said.servers.map((s, index) => {
      const cluster = this.clusters[s.cluster];
      const server = {
        index, cluster, name: s.name, endpoint: s.endpoint, backup: s.backup, priority: s.priority,
        row: named(said.server_columns, s.row), changed: true,
        history: known.get(key(cluster.name, s.name, s.endpoint))?.history ?? new History(),
      };
      cluster.servers.push(server);
      return server;
    });
    this.layout++;
    this.moment(said.totals);
  }

  // Takes what has changed. False where it is about something that is not known: then all is needed.
  changes(said) {
    if (!this.process) return false;
    for (const [i, row] of Object.entries(said.servers)) {
      const server = this.servers[i];
      if (!server) return false;
      server.row = named(this.serverColumns, row);
      server.changed = true;
    }
    for (const [i, row] of Object.entries(said.clusters)) {
      if (!this.clusters[i]) return false;
      this.clusters[i].row = named(this.clusterColumns, row);
    }
    this.moment(said.totals);
    return true;
  }

  moment(totals) {
    this.totals = totals;
    for (const [name, value] of Object.entries(totals)) {
      if (typeof value !== 'number' && value !== null) continue;
      if (!this.totalsHistory.has(name)) this.totalsHistory.set(name, new History());
      this.totalsHistory.get(name).add(value);
    }
    for (const s of this.servers) s.history.add(s.row.rate);
    for (const c of this.clusters) c.history.add(c.row.rate);
  }

  counts() {
    const n = { all: this.servers.length, problem: 0, up: 0 };
    for (const s of this.servers) {
      if (stateOf(s.row.state).problem) n.problem++;
      if (s.row.state === 'up' || s.row.state === 'unchecked') n.up++;
    }
    return n;
  }
}

const COMPARE = {
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  state: (a, b) => ORDER.indexOf(a.row.state) - ORDER.indexOf(b.row.state),
  weight: (a, b) => b.row.weight - a.row.weight,
  in_flight: (a, b) => b.row.in_flight - a.row.in_flight,
  rate: (a, b) => (b.row.rate ?? -1) - (a.row.rate ?? -1),
  errors: (a, b) => errorShare(b.row) - errorShare(a.row),
  latency: (a, b) => (b.row.latency_ms ?? -1) - (a.row.latency_ms ?? -1),
};

export function errorShare(row) {
  return row.rate > 0 ? row.error_rate / row.rate : row.error_rate > 0 ? 1 : -1;
}

// In the order of the file where nothing is said; the sort is stable, so that rows do not jump about.
export function sorted(servers, by, upside_down) {
  const compare = COMPARE[by];
  if (!compare) return servers;
  const out = [...servers].sort((a, b) => compare(a, b) || a.index - b.index);
  return upside_down ? out.reverse() : out;
}

// Those of a cluster that are looked for: each word is in the name, the address, or the cluster's name.
export function found(cluster, words, which) {
  const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
  return cluster.servers.filter((s) => {
    if (which === 'problem' && !stateOf(s.row.state).problem) return false;
    const in_it = (cluster.name + '/' + s.name + ' ' + s.endpoint + ' ' + stateOf(s.row.state).text).toLowerCase();
    return parts.every((p) => in_it.includes(p));
  });
}
