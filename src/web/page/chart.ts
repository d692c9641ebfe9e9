// The curve of a port's rates over the last ten minutes.
import uPlot from 'uplot';
import { bitRate, short } from '../../protocol/units.ts';

export class Chart {
  readonly #place: HTMLElement;
  #plot: uPlot | undefined;
  #data: uPlot.AlignedData = [[], [], []];
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)');
  readonly #resized: ResizeObserver;
  readonly #recoloured = () => this.#draw();

  constructor(place: HTMLElement) {
    this.#place = place;
    this.#scheme.addEventListener('change', this.#recoloured);
    this.#resized = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
    this.#resized.observe(place);
    this.#draw();
  }

  show(data: [times: number[], rx: number[], tx: number[]]): void {
    this.#data = data;
    this.#plot?.setData(data);
  }

  close(): void {
    this.#scheme.removeEventListener('change', this.#recoloured);
    this.#resized.disconnect();
    this.#plot?.destroy();
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(200, this.#place.clientWidth), height: 170 };
  }

  /** Draws the curve anew. A canvas has no style sheet, so the colours are read from the page's style sheet. */
  #draw(): void {
    this.#plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: colour('muted'), grid: { stroke: colour('grid'), width: 1 }, ticks: { show: false } };
    const curve = (label: string, name: string) => ({
      label,
      stroke: colour(name),
      width: 1.5,
      points: { show: false },
      value: (_: uPlot, value: number | null) => (value === null ? '–' : bitRate(value)),
    });
    this.#plot = new uPlot(
      {
        ...this.#size(),
        cursor: { y: false, drag: { x: false, y: false } },
        scales: {
          x: { range: (_, __, max) => [(max ?? 0) - 600, max ?? 0] },
          y: { range: (_, __, max) => [0, Math.max(max ?? 0, 1000) * 1.1] },
        },
        series: [
          { label: 'time', value: (_, value: number | null) => (value === null ? '–' : clock(value, true)) },
          curve('rx', 'rx'),
          curve('tx', 'tx'),
        ],
        axes: [
          { ...axis, size: 26, space: 60, values: (_, ticks) => ticks.map((tick) => clock(tick, false)) },
          { ...axis, size: 48, values: (_, ticks) => ticks.map((tick) => short(tick)) },
        ],
      },
      this.#data,
      this.#place,
    );
  }
}

/** Returns the time of day, from seconds since the epoch. */
function clock(seconds: number, exact: boolean): string {
  return new Date(seconds * 1000).toTimeString().slice(0, exact ? 8 : 5);
}
