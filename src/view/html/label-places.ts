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

/** As wide and high as letters get: on a phone they are larger than beside it. */
const CHARACTER = 8.6
const LINE = 17

/** Puts a label beside each point where it covers neither another label nor a dot; one with no room is left out. */
export function labelPlaces(
  points: readonly { readonly x: number; readonly y: number; readonly text: string }[],
  dots: readonly { readonly x: number; readonly y: number }[],
  width: number,
): readonly Place[] {
  const taken: Box[] = dots.map(({ x, y }) => ({ left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }))
  const places: Place[] = []
  for (const point of points) {
    const long = point.text.length * CHARACTER
    const tries: readonly Place[] = [
      { x: point.x + 11, y: point.y + 4, anchor: 'start', text: point.text },
      { x: point.x - 11, y: point.y + 4, anchor: 'end', text: point.text },
      { x: point.x, y: point.y - 13, anchor: 'middle', text: point.text },
      { x: point.x, y: point.y + 22, anchor: 'middle', text: point.text },
      { x: point.x + 11, y: point.y - 11, anchor: 'start', text: point.text },
      { x: point.x - 11, y: point.y - 11, anchor: 'end', text: point.text },
    ]
    for (const place of tries) {
      const left = place.anchor === 'start' ? place.x : place.anchor === 'end' ? place.x - long : place.x - long / 2
      const box = { left, right: left + long, top: place.y - LINE + 3, bottom: place.y + 3 }
      if (box.left < 60 || box.right > width || taken.some((other) => overlaps(box, other))) continue
      taken.push(box)
      places.push(place)
      break
    }
  }
  return places
}

const overlaps = (a: Box, b: Box) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
