// The JavaScript half of tsvdeq; bin/tsvdeq starts it.
import { main } from '../dist/bin/tsvdeq.js';

await main();
