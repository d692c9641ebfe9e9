// The JavaScript half of tsvdeq; bin/tsvdeq starts it.
import './supported.js';

const { main } = await import('../dist/bin/tsvdeq.js');

await main();
