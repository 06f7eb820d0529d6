// live - the stream of events: begun, watched, begun again. Says what it hears and how it is.

const SILENCE_MS = 8000; // an event comes each second
const TRIES_MS = [1000, 2000, 4000, 8000];

export class Live {
  // on.all(data), on.changes(data), on.state('live' | 'lost' | 'signin')
  constructor(on) {
    this.on = on;
    this.tries = 0;
  }

  begin() {
    this.end();
    const source = new EventSource('api/v1/events');
    this.source = source;
    const hear = (what) => (event) => {
      this.heard();
      if (this.on[what](JSON.parse(event.data)) === false) this.again();
    };
    source.addEventListener('all', hear('all'));
    source.addEventListener('changes', hear('changes'));
    source.addEventListener('open', () => this.listen());
    source.addEventListener('error', () => this.again());
    this.listen();
  }

  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.again(), SILENCE_MS);
  }

  heard() {
    this.tries = 0;
    this.listen();
    this.on.state('live');
  }

  end() {
    clearTimeout(this.silence);
    clearTimeout(this.next);
    if (this.source) this.source.close();
    this.source = null;
  }

  // EventSource does not say why it fails, and gives up at an answer that is no stream: we ask.
  again() {
    this.end();
    this.on.state('lost');
    const wait = TRIES_MS[Math.min(this.tries++, TRIES_MS.length - 1)];
    this.next = setTimeout(async () => {
      const status = await statusOf('api/v1/info');
      if (status === 401) this.on.state('signin');
      else if (status === 200) this.begin();
      else this.again();
    }, wait);
  }
}

// 0: nobody answers.
export async function statusOf(path, headers = {}) {
  try {
    const answer = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(5000) });
    return answer.status;
  } catch {
    return 0;
  }
}
