import { string, stringAttribute } from './attribute.ts'
import type { Attribute, Node } from './model.ts'
import { toNumbers } from './numbers.ts'
import type { Tensor } from './tensor.ts'

/** The attributes of a Resize that repeats pixels: place i reads place ⌊i / factor⌋. */
export const REPEATING: Readonly<Record<string, Attribute>> = {
  mode: string('nearest'),
  coordinate_transformation_mode: string('asymmetric'),
  nearest_mode: string('floor'),
}

/**
 * The whole number that height and width of a value of rank 4 grow by, where each pixel is only repeated: place i reads
 * place ⌊i / factor⌋. Undefined for any other Resize. Half pixels rounded come to the same: (i + ½)/f − ½ is less than
 * ½ away from ⌊i/f⌋.
 */
export function repeatFactor(node: Node, constant: (name: string) => Tensor | undefined): number | undefined {
  if (node.opType !== 'Resize' || node.domain !== '' || stringAttribute(node, 'mode', 'nearest') !== 'nearest')
    return undefined
  const coordinates = stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel')
  const rounding = stringAttribute(node, 'nearest_mode', 'round_prefer_floor')
  const repeats =
    (coordinates === 'asymmetric' && rounding === 'floor') ||
    (coordinates === 'half_pixel' && rounding === 'round_prefer_floor')
  const scales = constant(node.inputs[2] ?? '')
  if (!repeats || !scales || node.inputs[3] || node.attributes.has('axes')) return undefined
  const [batch, channels, height, width, ...others] = [...toNumbers(scales)].map(Number)
  const whole = height !== undefined && height === width && Number.isInteger(height) && height > 1
  return batch === 1 && channels === 1 && others.length === 0 && whole ? height : undefined
}
