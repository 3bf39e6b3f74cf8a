/** As much of a value as a test stages: any part may be missing, at any depth; what is there has its own type. */
export type Staged<T> = unknown extends T
  ? T
  : T extends (...given: infer G) => infer R
    ? (...given: G) => Staged<R>
    : T extends Promise<infer R>
      ? Promise<Staged<R>>
      : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
        ? T
        : T extends readonly unknown[]
          ? { readonly [K in keyof T]: Staged<T[K]> }
          : T extends object
            ? { readonly [K in keyof T]?: Staged<T[K]> | undefined }
            : T

/**
 * A pool, a candidate or a report of which a test stages what it is asked for: a name or a type that the search has no more
 * does not compile.
 */
export const staged = <T>(parts: Staged<T>): T => parts as T
