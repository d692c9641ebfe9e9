// Started by bin/tsvdeq.
import { main } from '../dist/cli/tsvdeq.js';

await main();
