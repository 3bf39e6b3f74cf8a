import type { TensorValue } from '../../../engine/index.ts'
import { isFloating } from '../../../ir/index.ts'
import { numbersOf } from '../../outputs/row-outputs.ts'
import type { Detection } from './boxes.ts'
import { cannot, type Decoder, gridOf } from './decoder.ts'

/**
 * Point heads as YuNet's: for every stride s the outputs `cls_s`, `obj_s` [places, 1] and `bbox_s` [places, 4]; for the
 * cell (c, r) centre = ((c + x) s, (r + y) s), size = (e^w s, e^h s), score = √(class × objectness).
 *
 * Source: W. Wu, H. Peng, S. Yu, YuNet: a tiny millisecond-level face detector (2023), and its published post-processing.
 */
export const points: Decoder = (outputs, options) => {
  const strides = Object.keys(outputs)
    .flatMap((name) => /^cls_(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
  if (strides.length === 0) throw cannot('no outputs are named cls_8, obj_8, bbox_8 and so on')
  const detections: Detection[] = []
  for (const stride of strides) {
    const [classes, objects, boxes] = ['cls', 'obj', 'bbox'].map((kind) => valuesOf(outputs[`${kind}_${stride}`]))
    if (!classes || !objects || !boxes || boxes.length !== 4 * objects.length)
      throw cannot(`the outputs of stride ${stride} do not belong together`)
    const labels = classes.length / objects.length
    const across = options.size ? gridOf(options.size, stride)[1] : Math.sqrt(objects.length)
    if (!Number.isInteger(across) || !Number.isInteger(labels)) throw cannot(`${objects.length} places are no square`)
    for (let cell = 0; cell < objects.length; cell++)
      for (let label = 0; label < labels; label++) {
        const score = Math.sqrt(clamp(classes[cell * labels + label]!) * clamp(objects[cell]!))
        if (!(score >= options.score)) continue
        const x = ((cell % across) + boxes[4 * cell]!) * stride
        const y = (Math.floor(cell / across) + boxes[4 * cell + 1]!) * stride
        const [w, h] = [Math.exp(boxes[4 * cell + 2]!) * stride, Math.exp(boxes[4 * cell + 3]!) * stride]
        detections.push({ box: [x - w / 2, y - h / 2, x + w / 2, y + h / 2], label, score })
      }
  }
  return detections
}

const clamp = (value: number) => Math.min(1, Math.max(0, value))
const valuesOf = (value: TensorValue | undefined) => (value && isFloating(value.dtype) ? numbersOf(value) : undefined)
