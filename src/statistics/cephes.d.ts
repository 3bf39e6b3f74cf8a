/** The part of `cephes` that is used here; the package's own types cannot be found through its export map. */
declare module 'cephes' {
  /** Settles when the WebAssembly is ready; every other function throws before that. */
  export const compiled: Promise<void>
  /** Normal cumulative distribution. */
  export function ndtr(x: number): number
  /** Normal quantile. */
  export function ndtri(p: number): number
  /** Regularised incomplete beta function I_x(a, b). */
  export function incbet(a: number, b: number, x: number): number
  /** Inverse of `incbet` in x. */
  export function incbi(a: number, b: number, p: number): number
  /** ln Γ(x). */
  export function lgam(x: number): number
  /** Upper tail of χ² with `df` degrees of freedom. */
  export function chdtrc(df: number, x: number): number
}
