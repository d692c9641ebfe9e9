// The JavaScript half of tsvdeq; bin/tsvdeq starts it.
require('./launch.js').launch('tsvdeq').main();
