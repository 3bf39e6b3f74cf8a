/** Words of several lengths: what signs, forms and labels say. */
const WORDS =
  `a at is to on the exit menu open stop taxi gate left door room seat hand milk bread apple water north south
price total order table train river green north metro hotel light paper kitchen library station morning evening window
machine balance account delivery platform language calendar customer hospital security passenger reception restaurant
temperature information photograph environment responsible certificate international understanding Monday April Berlin
Lisbon Nairobi Osaka INVOICE FRAGILE WARNING 2026 1984 42 7 100% 3.14 A4 B12 No.5 24/7 5km`.split(/\s+/)

export type Length = 'short' | 'medium' | 'long'

const BOUNDS: Readonly<Record<Length, readonly [number, number]>> = { short: [2, 5], medium: [6, 11], long: [12, 20] }

/** A phrase whose number of characters lies in the bounds of `length`; `next` draws from [0, 1). */
export function phrase(length: Length, next: () => number): string {
  const [least, most] = BOUNDS[length]
  for (;;) {
    let text = WORDS[Math.floor(next() * WORDS.length)]!
    while (text.length < least) text += ` ${WORDS[Math.floor(next() * WORDS.length)]!}`
    if (text.length <= most) return text
  }
}
