import { stringAttribute } from '../../ir/index.ts'
import { elementsOf, type Places, slicesOf } from './places.ts'
import { Refused } from './refused.ts'
import { type GradientCall, type GradientRule, gradientOf } from './rule.ts'

/** y = x with the updates put, added, … at the places of the indices. Two updates of one place must not be `none`. */
const scatterBack =
  (placesOf: (call: GradientCall) => Places): GradientRule =>
  (call) => {
    const reduction = stringAttribute(call.node, 'reduction', 'none')
    const back = backs[reduction]
    if (!back) throw new Refused(`its reduction is "${reduction}"`)
    const { byX, byUpdates } = back(call, gradientOf(call), placesOf(call))
    return [call.wants(0) ? byX() : undefined, undefined, call.wants(2) ? byUpdates() : undefined]
  }

export const scatters = {
  ScatterElements: scatterBack(elementsOf),
  ScatterND: scatterBack(slicesOf),
}

type Back = (
  call: GradientCall,
  g: string,
  places: Places,
) => { readonly byX: () => string; readonly byUpdates: () => string }

const backs: Readonly<Record<string, Back>> = {
  none: ({ node, write }, g, places) => ({
    byX: () => places.put(g, write.zerosLike(node.inputs[2]!)),
    byUpdates: () => places.read(g),
  }),
  add: (_, g, places) => ({ byX: () => g, byUpdates: () => places.read(g) }),
  /** y/u: not where an update is 0. */
  mul: ({ node, write }, g, places) => {
    const updates = write.floating(node.inputs[2]!)
    return {
      byX: () => places.put(g, updates, 'mul'),
      byUpdates: () => write.div(places.read(write.mul(g, node.outputs[0]!)), updates),
    }
  },
  max: shareOfExtreme,
  min: shareOfExtreme,
}

/** Ties share. */
function shareOfExtreme({ node, write }: GradientCall, g: string, places: Places): ReturnType<Back> {
  const [x, , updates] = node.inputs as [string, string, string]
  const y = node.outputs[0]!
  const holds = (a: string, b: string) =>
    write.op('Where', [write.op('Equal', [a, b]), write.number(1, x), write.number(0, x)])
  const [ofX, ofUpdates] = [holds(x, y), holds(updates, places.read(y))]
  const share = write.div(g, places.put(ofX, ofUpdates, 'add'))
  return { byX: () => write.mul(share, ofX), byUpdates: () => write.mul(places.read(share), ofUpdates) }
}
