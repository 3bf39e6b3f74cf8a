import { elementType } from '../../ir/index.ts'
import { elementwise, unary } from './rule.ts'

const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI)

/** Sums, products and powers, with broadcasting. */
export const arithmetic = {
  Add: elementwise(({ g }) => g),
  Sum: elementwise(({ g }) => g),
  Sub: elementwise(({ g, input, write }) => (input === 0 ? g : write.neg(g))),
  Mul: elementwise(({ g, inputs, input, write }) => write.mul(g, inputs[1 - input]!)),
  /** ∂(a/b)/∂b = −(a/b)/b */
  Div: elementwise(({ g, y, inputs: [, b], input, write }) =>
    input === 0 ? write.div(g, b!) : write.neg(write.div(write.mul(g, y), b!)),
  ),
  /** ∂xᵖ/∂x = p·xᵖ⁻¹; ∂xᵖ/∂p = xᵖ·ln x, and 0 where x is 0. */
  Pow: elementwise(({ g, y, inputs: [x, p], input, write }) => {
    if (input === 1) {
      const log = write.op('Log', [x!])
      return write.where(write.op('Greater', [x!, write.number(0, x!)]), write.mul(g, write.mul(y, log)), y)
    }
    // The exponent may be of another type.
    const cast = write.storedType(p!) === write.storedType(x!) ? p! : write.op('CastLike', [p!, x!])
    return write.mul(g, write.mul(cast, write.op('Pow', [x!, write.sub(cast, write.number(1, x!))])))
  }),
  Mean: elementwise(({ g, y, inputs, write }) => write.mul(g, write.number(1 / inputs.length, y))),
  /** Ties share. */
  Max: elementwise((element) => shareOfExtreme(element)),
  Min: elementwise((element) => shareOfExtreme(element)),
  /** The condition carries no gradient. */
  Where: elementwise(({ g, y, inputs: [condition], input, write }) => {
    if (input === 0) return undefined
    const zero = write.number(0, y)
    return write.op('Where', input === 1 ? [condition!, g, zero] : [condition!, zero, g])
  }),
  /** x mod y = x − y·floor(x/y), or with truncation where `fmod` is 1. */
  Mod: elementwise(({ g, y, inputs: [a, b], input, write }) =>
    input === 0 ? g : write.neg(write.mul(g, write.op('Round', [write.div(write.sub(a!, y), b!)]))),
  ),
  Neg: unary(({ g, write }) => write.neg(g)),
  Abs: unary(({ g, x, write }) => write.mul(g, write.op('Sign', [x]))),
  Sqrt: unary(({ g, y, write }) => write.div(write.mul(g, write.number(0.5, y)), y)),
  Reciprocal: unary(({ g, y, write }) => write.neg(write.mul(g, write.mul(y, y)))),
  Exp: unary(({ g, y, write }) => write.mul(g, y)),
  Log: unary(({ g, x, write }) => write.div(g, x)),
  Erf: unary(({ g, x, write }) =>
    write.mul(g, write.mul(write.number(TWO_OVER_ROOT_PI, x), write.op('Exp', [write.neg(write.mul(x, x))]))),
  ),
  Sin: unary(({ g, x, write }) => write.mul(g, write.op('Cos', [x]))),
  Cos: unary(({ g, x, write }) => write.neg(write.mul(g, write.op('Sin', [x])))),
  Tan: unary(({ g, y, write }) => write.mul(g, write.add(write.mul(y, y), write.number(1, y)))),
  Atan: unary(({ g, x, write }) => write.div(g, write.add(write.mul(x, x), write.number(1, x)))),
  Sinh: unary(({ g, x, write }) => write.mul(g, write.op('Cosh', [x]))),
  Cosh: unary(({ g, x, write }) => write.mul(g, write.op('Sinh', [x]))),
  Identity: unary(({ g }) => g),
}

/** g where the input is the extreme, divided by how many of the inputs are. */
function shareOfExtreme({ g, x, y, inputs, write }: Parameters<Parameters<typeof elementwise>[0]>[0]): string {
  if (inputs.length === 1) return g
  const to = { to: elementType('float32') }
  const held = (value: string) => write.op('Cast', [write.op('Equal', [value, y])], to)
  const count = inputs.map(held).reduce(write.add)
  const like = (value: string) => (write.dtype(y) === 'float32' ? value : write.op('CastLike', [value, y]))
  return write.mul(g, like(write.div(held(x), count)))
}
