const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/**
 * A size as people write it, in whole bytes: `5MB` and `5m` are 5,000,000, `1.5 GiB` is 1.5 × 2³⁰, letter case aside; a
 * number alone counts in units of `plain` bytes. null where the text is no size.
 */
export function sizeOf(text: string, plain = 1): number | null {
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?(?:e\+?\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  const factor = unit === '' ? plain : UNITS[unit?.toLowerCase() ?? '']
  const bytes = digits === undefined || factor === undefined ? Number.NaN : Math.floor(Number(digits) * factor)
  return Number.isFinite(bytes) ? bytes : null
}
