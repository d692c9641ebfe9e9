// Makes tables from samples. A table shows the median of each row's samples for each peer and, for some columns, the
// range of the samples and the ratio of our figure to the peer's. This ratio is the median of the ratios of all rounds.
// A row with `beside` also shows the ratio of its figure to the figure of the row that `beside` names.
import { cpus, release } from 'node:os';

export function machine() {
  return `${cpus()[0].model}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
}

/**
 * Returns a table in Markdown. `results` has, for each row, its name and a list of samples for each peer, one sample
 * per round.
 */
export function table({ columns, rows }, results) {
  const ratios = columns.filter(({ ratio }) => ratio);
  const between = results.some(({ samples }) => Object.keys(samples).length > 1) ? ratios : [];
  const besides = rows.some(({ beside }) => beside) ? ratios : [];
  const heads = [
    'row',
    'peer',
    ...columns.map(({ title }) => title),
    ...between.map(({ title }) => `ours/its ${title}`),
    ...besides.map(({ title }) => `${title} beside`),
  ];
  const lines = [];
  for (const { name, beside: besideName, samples } of results) {
    const [ours] = Object.keys(samples);
    for (const [peer, own] of Object.entries(samples)) {
      const figures = columns.map((column) => figure(own, column));
      const compared = between.map(({ key }) => (peer === ours ? '' : paired(samples[ours], own, key)));
      const other = results.find((result) => result.name === besideName)?.samples[peer];
      const beside = besides.map(({ key }) => (other ? paired(own, other, key) : ''));
      lines.push([name, peer, ...figures, ...compared, ...beside]);
    }
  }
  return markdown(heads, lines);
}

function figure(samples, { key, digits, spread }) {
  const values = samples.map((sample) => sample[key]).filter(Number.isFinite);
  if (values.length === 0) return '-';
  const text = median(values).toFixed(digits);
  return spread ? `${text} (${Math.min(...values).toFixed(digits)}-${Math.max(...values).toFixed(digits)})` : text;
}

function paired(samples, others, key) {
  const quotients = samples.map((sample, i) => sample[key] / others[i]?.[key]).filter(Number.isFinite);
  return quotients.length === 0 ? '' : median(quotients).toFixed(2);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function markdown(heads, lines) {
  const widths = heads.map((head, i) => Math.max(head.length, ...lines.map((line) => line[i].length)));
  const line = (cells) =>
    `| ${cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(heads), rule, ...lines.map(line)].join('\n');
}
