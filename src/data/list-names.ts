import { nearestName } from '../platform/index.ts'

/** ` Did you mean "x"?`, or nothing. */
export function didYouMean(asked: string, names: readonly string[]): string {
  const near = nearestName(asked, names)
  return near === undefined ? '' : ` Did you mean "${near}"?`
}

/** `"a", "b", "c"`, cut after a dozen. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return 'nothing'
  const shown = names.slice(0, 12).map((name) => `"${name}"`)
  return names.length > 12 ? `${shown.join(', ')} and ${names.length - 12} more` : shown.join(', ')
}
