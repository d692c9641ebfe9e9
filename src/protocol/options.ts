// Checks options objects: an unknown name is refused, since it is most likely a misspelt option.
import { SwitchError } from './errors.ts';
import { nearestName } from './nearest.ts';

/** Throws SwitchError EINVAL for the first property of `options` that `known` does not have. */
export function checkOptions(options: object, known: Readonly<Record<string, true>>): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, Object.keys(known));
  const hint = nearest ? `did you mean '${nearest}'?` : `there are ${Object.keys(known).join(', ')}`;
  throw new SwitchError('EINVAL', `there is no option '${unknown}'; ${hint}`);
}
