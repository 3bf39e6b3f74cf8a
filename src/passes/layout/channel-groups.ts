import {
  type GraphIndex,
  intAttribute,
  isDepthwise,
  type Node,
  operatorName,
  readsOf,
  type Tensor,
} from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { aloneWork, type ChannelWork, placesOf, wholeBlocksPay } from './filled-work.ts'
import { channelAxis, channelsPadded, joinsChannels, keepsChannels, keepsZeros, planarWeight } from './kept-channels.ts'

/** Values that must have the same channels, and how many those of broken blocks shall have. */
interface ChannelGroups {
  /**
   * The channels of the value, of each part where it was joined, that shall end at whole blocks; undefined where it stays.
   */
  partsOf(value: string): readonly number[] | undefined
  /** Groups that shall change. */
  readonly count: number
}

/** What is known of a group while the graph is read. */
interface Group {
  /** Channels that its convolutions make, or its constants have. */
  readonly channels: Set<number>
  made: boolean
  read: boolean
  /** Made from one pixel, where more channels cost nothing. */
  pixel: boolean
  pinned: boolean
  /** What each Concat joins that makes such a value. */
  readonly joints: (readonly string[])[]
  /** Pads of zeros behind its channels, of values that hold so many channels less. */
  readonly pads: { readonly input: string; readonly by: number }[]
  /** Channels of zeros stay such. */
  keepsZeros: boolean
  readonly work: ChannelWork
  /** Whether filling its channels was found to pay; undefined where this is not asked. */
  pays?: boolean
}

/** Which groups are looked for. */
interface Wanted {
  /** Channels of a whole block. */
  readonly block: ChannelBlock
  /** Also those that Concat joins. */
  readonly joints: boolean
  /** The pixels of a value, where only what integer kernels gain by is filled; undefined where they are not known. */
  readonly pixels?: ((value: string) => number | undefined) | undefined
}

/**
 * The groups of values between two-dimensional convolutions whose channels are free to become whole blocks; followed
 * through Concat where `joints` says so.
 */
export function channelGroups(
  nodes: readonly Node[],
  index: GraphIndex,
  constant: (name: string) => Tensor | undefined,
  wanted: Wanted,
): ChannelGroups {
  const { pixels } = wanted
  const sets = groupsOf(nodes, index, constant, wanted)
  if (pixels) for (const group of sets.all()) group.pays = wholeBlocksPay(widthsOf(group, sets) ?? [], group.work)
  pinWhatStays(sets)
  const parts = new Map([...sets.all()].map((group) => [group, openParts(group, sets)]))
  return {
    partsOf: (value) => {
      const group = sets.find(value)
      return group && parts.get(group)
    },
    count: [...parts.values()].filter((widths) => widths !== undefined).length,
  }
}

/** What makes, reads and joins the values of each group. */
function groupsOf(
  nodes: readonly Node[],
  index: GraphIndex,
  constant: (name: string) => Tensor | undefined,
  { block, joints, pixels }: Wanted,
): Groups {
  const sets = new Groups(block)
  // Only who asks what pays needs to know the work; where a size is not known, nor is what is gained.
  const add = pixels
    ? (value: string, kind: keyof ChannelWork, made: string, each: number) => {
        sets.of(value).work[kind] += each * (pixels(made) ?? Number.NaN)
      }
    : () => {}
  for (const name of [...index.inputs, ...index.outputs]) sets.of(name).pinned = true
  for (const node of nodes) {
    const output = node.outputs[0]!
    const open = [...readsOf(node)].filter((name) => constant(name) === undefined)
    const weight = operatorName(node) === 'Conv' ? planarWeight(node, open, constant) : undefined
    const padded = channelsPadded(node, constant)
    if (weight) {
      const input = node.inputs[0]!
      const places = placesOf(weight)
      if (intAttribute(node, 'group', 1) === 1) {
        sets.of(input).read = true
        const group = sets.of(output)
        group.made = true
        group.channels.add(weight.dims[0]!)
        add(input, 'dense', output, places * weight.dims[0]!)
        add(output, 'dense', output, places * weight.dims[1]!)
        if (index.producer.get(input)?.opType === 'GlobalAveragePool') group.pixel = true
      } else if (isDepthwise(node, weight)) {
        sets.join(input, output)
        sets.of(output).channels.add(weight.dims[0]!)
        add(output, 'alone', output, aloneWork(places))
      } else for (const name of [input, output]) sets.of(name).pinned = true
    } else if (joints && joinsChannels(node, open)) {
      sets.of(output).made = true
      sets.of(output).joints.push(node.inputs)
      for (const input of node.inputs) sets.of(input).read = true
    } else if (padded) {
      sets.of(output).made = true
      sets.of(output).pads.push({ input: node.inputs[0]!, by: padded })
      sets.of(node.inputs[0]!).read = true
    } else if (keepsChannels(node, open, constant)) {
      for (const input of open) sets.join(input, output)
      add(output, 'apart', output, 1)
      // Slopes are a convolution of one tap in integers, and the greater of two.
      if (operatorName(node) === 'PRelu') add(output, 'alone', output, aloneWork(1))
      for (const input of node.inputs) {
        const tensor = constant(input)
        const axis = channelAxis(tensor)
        if (axis !== undefined) sets.of(output).channels.add(tensor!.dims[axis]!)
      }
      if (!keepsZeros(node, constant)) sets.of(output).keepsZeros = false
    } else for (const name of [...open, ...node.outputs]) sets.of(name).pinned = true
  }
  return sets
}

/** The channels of each part of a group's values, as they are; undefined where that is not known or not one answer. */
function widthsOf(group: Group, sets: Groups, above: ReadonlySet<Group> = new Set()): readonly number[] | undefined {
  if (above.has(group)) return undefined
  const within = new Set([...above, group])
  const joined = group.joints.map((names) => {
    const widths = names.map((name) => widthsOf(sets.of(name), sets, within))
    return widths.every((each) => each !== undefined) ? widths.flat() : undefined
  })
  const [width, ...others] = group.channels
  const [first, ...more] = joined
  if (others.length > 0 || joined.includes(undefined)) return undefined
  if (!first) return width === undefined ? undefined : [width]
  if (more.some((each) => String(each) !== String(first))) return undefined
  return width === undefined || first.reduce((sum, each) => sum + each, 0) === width ? first : undefined
}

/** Whether a group's values can be given whole blocks where they have broken ones. */
function canFill(group: Group, widths: readonly number[], { block }: Groups): boolean {
  const { made, read, pixel, pinned, pays = true } = group
  return !pinned && made && read && pays && widths.every((width) => width % block === 0 || pixel || width >= block / 2)
}

/**
 * What is joined is filled as a whole or not at all: one broken block puts all of it into plain order. The same holds of a
 * value and of what zeros behind its channels make of it.
 */
function pinWhatStays(sets: Groups): void {
  for (let settled = false; !settled; ) {
    settled = true
    for (const group of sets.all()) {
      const parts = [...group.joints.flat(), ...group.pads.map(({ input }) => input)].map((name) => sets.of(name))
      if (parts.length === 0) continue
      const fits = [group, ...parts].every((each) => {
        const widths = widthsOf(each, sets)
        return widths && (sets.areWhole(widths) || canFill(each, widths, sets))
      })
      for (const each of fits && group.pads.every((pad) => canPad(pad, group, sets)) ? [] : [group, ...parts]) {
        if (!each.pinned) settled = false
        each.pinned = true
      }
    }
  }
}

/** Whether the zeros that end a block of the narrower value can be the first of those that are put behind it. */
function canPad({ input, by }: Group['pads'][number], group: Group, sets: Groups): boolean {
  const narrow = sets.of(input)
  const [[from, ...more], [to, ...others]] = [widthsOf(narrow, sets) ?? [], widthsOf(group, sets) ?? []]
  if (from === undefined || more.length > 0 || others.length > 0 || to !== from + by) return false
  return sets.areWhole([from]) || narrow.keepsZeros
}

function openParts(group: Group, sets: Groups): readonly number[] | undefined {
  const widths = widthsOf(group, sets)
  return widths && !sets.areWhole(widths) && canFill(group, widths, sets) ? widths : undefined
}

/** Disjoint sets of values (union-find), with what is known of each. */
class Groups {
  readonly block: ChannelBlock
  readonly #parent = new Map<string, string>()
  readonly #groups = new Map<string, Group>()

  /** @param block Channels of a whole block. */
  constructor(block: ChannelBlock) {
    this.block = block
  }

  areWhole(widths: readonly number[]): boolean {
    return widths.every((width) => width % this.block === 0)
  }

  of(name: string): Group {
    const root = this.#root(name)
    let group = this.#groups.get(root)
    if (!group) {
      group = {
        channels: new Set(),
        made: false,
        read: false,
        pixel: false,
        pinned: false,
        joints: [],
        pads: [],
        keepsZeros: true,
        work: { alone: 0, dense: 0, apart: 0 },
      }
      this.#groups.set(root, group)
    }
    return group
  }

  find(name: string): Group | undefined {
    return this.#groups.get(this.#root(name))
  }

  all(): Iterable<Group> {
    return this.#groups.values()
  }

  join(a: string, b: string): void {
    const [from, to] = [this.#root(a), this.#root(b)]
    if (from === to) return
    const [gone, kept] = [this.of(from), this.of(to)]
    this.#groups.delete(from)
    this.#parent.set(from, to)
    for (const width of gone.channels) kept.channels.add(width)
    kept.made ||= gone.made
    kept.read ||= gone.read
    kept.pixel ||= gone.pixel
    kept.pinned ||= gone.pinned
    kept.joints.push(...gone.joints)
    kept.pads.push(...gone.pads)
    kept.keepsZeros &&= gone.keepsZeros
    for (const kind of ['alone', 'dense', 'apart'] as const) kept.work[kind] += gone.work[kind]
  }

  #root(name: string): string {
    let root = name
    for (let next = this.#parent.get(root); next !== undefined; next = this.#parent.get(root)) root = next
    if (root !== name) this.#parent.set(name, root)
    return root
  }
}
