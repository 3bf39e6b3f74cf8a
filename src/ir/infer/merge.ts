import type { Dim, Shape, ValueType } from '../model.ts'
import type { Symbols } from './symbols.ts'

/** Two statements about one value put together; `conflict` says where they cannot both hold. */
interface Merged {
  readonly type: ValueType
  readonly conflict?: string
}

/**
 * What is inferred, completed by what the file declares. Where the two disagree the inferred type stands. With
 * `trusted` false the declared sizes belong to other inputs than those asked about: only kinds are taken from them.
 */
export function mergeTypes(inferred: ValueType | undefined, declared: ValueType | undefined, trusted: boolean): Merged {
  if (!declared || declared.kind === 'unknown') return { type: inferred ?? { kind: 'unknown' } }
  if (!inferred || inferred.kind === 'unknown') return { type: trusted ? declared : withoutSizes(declared) }
  if (inferred.kind !== declared.kind)
    return { type: inferred, conflict: `declared as ${declared.kind}, but it is ${inferred.kind}` }
  if ((inferred.kind === 'tensor' || inferred.kind === 'sparse') && inferred.kind === declared.kind) {
    if (declared.dtype !== inferred.dtype && declared.dtype !== 'undefined')
      return { type: inferred, conflict: `declared as ${declared.dtype}, but its elements are ${inferred.dtype}` }
    const { shape, conflict } = mergeShapes(inferred.shape, trusted ? declared.shape : withoutDims(declared.shape))
    const type = { kind: inferred.kind, dtype: inferred.dtype, shape } as const
    return conflict === undefined ? { type } : { type, conflict }
  }
  if ((inferred.kind === 'sequence' || inferred.kind === 'optional') && inferred.kind === declared.kind) {
    const elem = mergeTypes(inferred.elem ?? undefined, declared.elem ?? undefined, trusted)
    const type = { kind: inferred.kind, elem: elem.type.kind === 'unknown' ? null : elem.type } as const
    return elem.conflict === undefined ? { type } : { type, conflict: elem.conflict }
  }
  return { type: inferred }
}

function mergeShapes(inferred: Shape | null, declared: Shape | null): { shape: Shape | null; conflict?: string } {
  if (declared === null) return { shape: inferred }
  if (inferred === null) return { shape: declared }
  if (inferred.length !== declared.length)
    return {
      shape: inferred,
      conflict: `declared with ${declared.length} dimensions, but it has ${inferred.length}`,
    }
  const at = inferred.findIndex((dim, i) => differs(dim, declared[i]!))
  const adds = inferred.some((dim, i) => completed(dim, declared[i]!) !== dim)
  const shape = adds ? inferred.map((dim, i) => completed(dim, declared[i]!)) : inferred
  if (at < 0) return { shape }
  return { shape, conflict: `dimension ${at} is declared as ${declared[at]}, but it is ${inferred[at]}` }
}

const differs = (inferred: Dim, declared: Dim): boolean =>
  typeof inferred === 'number' && typeof declared === 'number' && inferred !== declared

/**
 * A size that was inferred stands even where the file declares a number and the inferred one is a symbol: files whose
 * inputs were made dynamic later often keep inner types of the old fixed size, and folding those would be wrong.
 */
const completed = (inferred: Dim, declared: Dim): Dim => inferred ?? declared

const withoutDims = (shape: Shape | null): Shape | null => shape?.map(() => null) ?? null

function withoutSizes(type: ValueType): ValueType {
  if (type.kind === 'tensor' || type.kind === 'sparse') return { ...type, shape: withoutDims(type.shape) }
  if (type.kind === 'sequence' || type.kind === 'optional')
    return { ...type, elem: type.elem && withoutSizes(type.elem) }
  return type
}

/** A declared type with its dimensions in canonical writing, bound symbols replaced. */
export function readType(symbols: Symbols, type: ValueType): ValueType {
  if (type.kind === 'tensor' || type.kind === 'sparse') {
    // Old exporters write -1 where they mean "any".
    const shape = type.shape?.map((dim) => (typeof dim === 'number' && dim < 0 ? null : symbols.read(dim))) ?? null
    return { kind: type.kind, dtype: type.dtype, shape }
  }
  if (type.kind === 'sequence' || type.kind === 'optional')
    return { kind: type.kind, elem: type.elem && readType(symbols, type.elem) }
  if (type.kind === 'map') return { kind: 'map', key: type.key, value: type.value && readType(symbols, type.value) }
  return { kind: 'unknown' }
}
