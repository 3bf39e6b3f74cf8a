/** A text in a chart, and the point that it stands at. */
export interface Place {
  readonly x: number
  readonly y: number
  readonly anchor: 'start' | 'end' | 'middle'
  readonly text: string
}

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

interface Spot {
  readonly x: number
  readonly y: number
}

/** As wide and high as letters get, and a gap: on a phone they are larger than beside it. */
const CHARACTER = 9
const [ASCENT, DESCENT] = [16, 6]

/** Marks that are nearer than this lie on one another: two names there would belong to either. */
const ONE_PLACE = 12

/** How far apart the places of a line are that a label keeps away from: less than a label is high. */
const STEP = 8

/**
 * Puts a label beside each point where it covers neither another label nor a dot, and stands on no line where there is
 * another place; one with no room, or on the mark of a point that has a label, is left out, unless it is `needed`: such a
 * one comes first, and stands where it covers the fewest dots. `line` is the bend points of a line, from the left.
 */
export function labelPlaces(
  points: readonly (Spot & { readonly text: string; readonly needed?: boolean })[],
  dots: readonly Spot[],
  line: readonly Spot[],
  width: number,
): readonly Place[] {
  const drawn = alongLine(line)
  const taken: Box[] = dots.map(({ x, y }) => ({ left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }))
  const places: Place[] = []
  const named: Spot[] = []
  for (const point of [...points].sort((a, b) => Number(b.needed ?? false) - Number(a.needed ?? false))) {
    if (!point.needed && named.some(({ x, y }) => Math.hypot(x - point.x, y - point.y) < ONE_PLACE)) continue
    // Its mark is the larger one.
    const aside = point.needed ? 14 : 11
    const long = point.text.length * CHARACTER
    const tries: readonly Place[] = [
      { x: point.x + aside, y: point.y + 5, anchor: 'start', text: point.text },
      { x: point.x - aside, y: point.y + 5, anchor: 'end', text: point.text },
      { x: point.x, y: point.y - 17, anchor: 'middle', text: point.text },
      { x: point.x, y: point.y + 27, anchor: 'middle', text: point.text },
      { x: point.x + 11, y: point.y - 13, anchor: 'start', text: point.text },
      { x: point.x - 11, y: point.y - 13, anchor: 'end', text: point.text },
    ]
    const inside = tries
      .map((place) => ({ place, box: boxOf(place, long) }))
      .filter(({ box }) => box.left >= 60 && box.right <= width)
      .map((one) => ({ ...one, covers: taken.filter((other) => overlaps(one.box, other)).length }))
    const free = inside.filter(({ covers }) => covers === 0)
    const fewest = point.needed ? [...inside].sort((a, b) => a.covers - b.covers)[0] : undefined
    const best = free.find(({ box }) => !drawn.some((spot) => holds(box, spot))) ?? free[0] ?? fewest
    if (!best) continue
    taken.push(best.box)
    named.push(point)
    places.push(best.place)
  }
  return places
}

function boxOf({ x, y, anchor }: Place, long: number): Box {
  const left = anchor === 'start' ? x : anchor === 'end' ? x - long : x - long / 2
  return { left, right: left + long, top: y - ASCENT, bottom: y + DESCENT }
}

/** Places on a line, close to one another. */
const alongLine = (line: readonly Spot[]): readonly Spot[] =>
  line.slice(1).flatMap((to, i) => {
    const from = line[i]!
    const steps = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / STEP)
    return Array.from({ length: steps + 1 }, (_, k) => ({
      x: from.x + ((to.x - from.x) * k) / steps,
      y: from.y + ((to.y - from.y) * k) / steps,
    }))
  })

const holds = ({ left, right, top, bottom }: Box, { x, y }: Spot) => left < x && x < right && top < y && y < bottom

const overlaps = (a: Box, b: Box) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
