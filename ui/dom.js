// dom - elements, and texts that are only touched when they change.

export function make(tag, properties = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(properties)) {
    if (k === 'class') e.className = v;
    else if (k in e) e[k] = v;
    else e.setAttribute(k, v);
  }
  e.append(...children);
  return e;
}

export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node, name, on) {
  if (node.classList.contains(name) !== on) node.classList.toggle(name, on);
}

export const find = (id) => document.getElementById(id);
