// main - puts the page together: what is heard goes into the model, what is there is drawn.
import { Clusters } from './clusters.js';
import { Live, statusOf } from './live.js';
import { Model } from './model.js';
import { Top } from './top.js';
import { duration } from './format.js';
import { find, make, mark, write } from './dom.js';

const model = new Model();
const top_ = new Top();
const clusters = new Clusters();
let layout = 0;
let drawing = false;
let how = '';

// --- drawing ------------------------------------------------------------------------------------

const CHIPS = [['all', 'All'], ['problem', 'With problems']].map(([which, text]) => {
  const n = make('span', { class: 'n' });
  const node = make('button', { type: 'button' }, text, n);
  node.setAttribute('aria-pressed', String(which === 'all'));
  node.addEventListener('click', () => {
    for (const c of CHIPS) c.node.setAttribute('aria-pressed', String(c.which === which));
    clusters.look_for(clusters.words, which);
  });
  find('chips').append(node);
  return { which, node, n };
});

function draw() {
  drawing = false;
  if (!model.process) return;
  if (layout !== model.layout) {
    layout = model.layout;
    clusters.layout(model);
  }
  top_.draw(model);
  clusters.draw(model.totals.at);
  const counts = model.counts();
  for (const c of CHIPS) write(c.n, String(counts[c.which]));
  write(find('fold'), clusters.allFolded() ? 'Expand all' : 'Collapse all');
  drawState();
}

// What is seen of a tab in the background.
function title(problems) {
  const first = how === 'lost' ? 'Lost: ' : problems ? '(' + problems + ') ' : '';
  return first + model.process.host + ' · lbc';
}

function drawSoon() {
  if (drawing) return;
  drawing = true;
  if (document.hidden) setTimeout(draw, 1000);
  else requestAnimationFrame(draw);
}

function drawState() {
  const t = model.totals;
  const lost = how === 'lost';
  if (model.process) document.title = title(model.counts().problem);
  mark(document.body, 'stale', lost);
  if (lost) top_.link('lost', 'Connection lost');
  else if (t?.draining) top_.link('busy', 'Draining');
  else if (t && !t.serving) top_.link('busy', 'Starting');
  else if (how === 'live') top_.link('live', 'Live');
  if (lost) top_.notice('Connection lost, trying again. What you see is from before.', true);
  else if (t?.draining) top_.notice('The process is shutting down: it accepts nothing new.');
  else if (t?.trial_left_s > 0)
    top_.notice('This configuration is on trial. Unless somebody confirms it, it goes in ' + duration(t.trial_left_s) + '.');
  else if (t?.canary_percent > 0)
    top_.notice('A canary serves ' + t.canary_percent + ' % of the clients. "lbc ctl show canary" compares it with the others.');
  else if (t?.reload_refused) top_.notice('The last reload was refused; what was served before goes on.', true);
  else top_.notice(null);
}

// --- the stream ---------------------------------------------------------------------------------

const live = new Live({
  all(said) {
    model.all(said);
    drawSoon();
  },
  changes(said) {
    if (!model.changes(said)) return false;
    drawSoon();
    return true;
  },
  state(now) {
    if (now === how) return;
    how = now;
    find('page').hidden = now === 'signin' || !(model.process || now === 'live');
    find('signin').hidden = now !== 'signin';
    if (now === 'signin') {
      top_.link('', 'Signed out');
      top_.notice(null);
      find('token').focus();
    } else {
      drawState();
    }
  },
});

// --- what people do -----------------------------------------------------------------------------

find('search').addEventListener('input', (event) => {
  clusters.look_for(event.target.value.trim(), clusters.which);
});

find('fold').addEventListener('click', () => {
  clusters.foldAll(!clusters.allFolded());
  draw();
});

document.addEventListener('keydown', (event) => {
  const search = find('search');
  const typing = event.target.closest('input, textarea, select');
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  } else if (event.key === 'Escape' && event.target === search) {
    search.value = '';
    search.dispatchEvent(new Event('input'));
  }
});

find('signin').addEventListener('submit', async (event) => {
  event.preventDefault();
  const token = find('token').value;
  // The page gives a cookie for it; the token itself is kept nowhere.
  await statusOf('./', { Authorization: 'Bearer ' + token });
  const status = await statusOf('api/v1/info');
  write(find('signin-error'), status === 401 ? 'This is not the token.' : status === 200 ? '' : 'Nobody answers.');
  if (status === 200) {
    find('token').value = '';
    live.begin();
  }
});

async function begin() {
  const status = await statusOf('api/v1/info');
  if (status === 200) live.begin();
  else if (status === 401) live.on.state('signin');
  else live.again();
}
begin();
