// format - numbers as people read them. Pure.

export function count(n) {
  if (n === null || n === undefined) return '–';
  if (n < 10 && n !== Math.round(n)) return n.toFixed(n < 1 ? 2 : 1);
  if (n < 10000) return String(Math.round(n));
  if (n < 999500) return trimmed(n / 1e3) + 'k';
  if (n < 999.5e6) return trimmed(n / 1e6) + 'M';
  return trimmed(n / 1e9) + 'G';
}

// Three digits.
function trimmed(n) {
  return n < 9.995 ? n.toFixed(2) : n < 99.95 ? n.toFixed(1) : n.toFixed(0);
}

// [number, unit]
export function bytes(n) {
  if (n === null || n === undefined) return ['–', ''];
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  while (n >= 1000 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return [i === 0 ? String(Math.round(n)) : trimmed(n), units[i]];
}

export function milliseconds(ms) {
  if (ms === null || ms === undefined) return ['–', ''];
  if (ms < 1000) return [ms < 1 ? ms.toFixed(2) : ms < 10 ? ms.toFixed(1) : ms.toFixed(0), 'ms'];
  return [(ms / 1000).toFixed(ms < 10000 ? 2 : 1), 's'];
}

// The two largest units: "3d 2h", "5m 12s".
export function duration(seconds) {
  const units = [['d', 86400], ['h', 3600], ['m', 60], ['s', 1]];
  const s = Math.max(0, Math.floor(seconds));
  const i = units.findIndex(([, size]) => s >= size);
  if (i < 0) return '0s';
  const [name, size] = units[i];
  const first = Math.floor(s / size) + name;
  if (i === units.length - 1) return first;
  const rest = Math.floor((s % size) / units[i + 1][1]);
  return rest ? first + ' ' + rest + units[i + 1][0] : first;
}

// How long ago, in one unit, so that it does not move all the time.
export function ago(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return s + 's';
  if (s < 3600) return Math.floor(s / 60) + 'm';
  if (s < 86400) return Math.floor(s / 3600) + 'h';
  return Math.floor(s / 86400) + 'd';
}

// Of what there was; '' where there was nothing.
export function share(part, whole) {
  if (part === null || whole === null || whole === undefined || !(whole > 0)) return '–';
  const percent = (100 * part) / whole;
  if (percent === 0) return '0%';
  if (percent < 0.1) return '<0.1%';
  return (percent < 10 ? percent.toFixed(1) : Math.min(100, percent).toFixed(0)) + '%';
}
