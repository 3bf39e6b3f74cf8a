import { UserError } from '../platform/index.ts'

/** Where we are in the file being decoded: `graph, node "conv1", attribute "kernel_shape"`, after the file's name. */
export class Place {
  readonly #parent: Place | undefined
  readonly #step: string

  constructor(step: string, parent?: Place) {
    this.#step = step
    this.#parent = parent
  }

  in(step: string): Place {
    return new Place(step, this)
  }

  toString(): string {
    return this.#parent ? `${this.#parent}, ${this.#step}` : this.#step
  }
}

/** A file that is ONNX but breaks a rule of the format. */
export function badModel(what: string, where: Place | string, hint?: string, cause?: unknown): UserError {
  return new UserError('bad-model', what, {
    where: String(where),
    hint: hint ?? 'export the model again, or check that the file was copied whole',
    ...(cause === undefined ? {} : { cause }),
  })
}
