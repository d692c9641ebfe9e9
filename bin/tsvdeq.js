// The JavaScript half of tsvdeq; bin/tsvdeq starts it.
require('./supported.js');
require('../dist/bin/tsvdeq.cjs').main();
