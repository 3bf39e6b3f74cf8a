/** Something that makes a model invalid: where it is, and what is wrong there. */
export interface Problem {
  /** A node's label, a value's name, a function, or 'model'. */
  readonly where: string
  readonly what: string
}

export type Report = (where: string, what: string) => void
