// The JavaScript half of tsvdeq; bin/tsvdeq starts it.
import { main } from '../dist/cli/tsvdeq.js';

await main();
