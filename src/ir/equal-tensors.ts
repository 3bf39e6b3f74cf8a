import { type Tensor, tensorBytes } from './tensor.ts'

/**
 * For every tensor that has an equal one before it (the same type, sizes and bytes), the name of that one. Texts are left
 * out.
 */
export function equalTensors(tensors: Iterable<readonly [name: string, tensor: Tensor]>): ReadonlyMap<string, string> {
  const groups = new Map<string, Tensor[]>()
  for (const [name, tensor] of tensors) {
    if (tensor.data.form === 'strings') continue
    const key = `${tensor.dtype}[${tensor.dims.join()}]`
    const group = groups.get(key)
    if (group) group.push({ ...tensor, name })
    else groups.set(key, [{ ...tensor, name }])
  }
  const equal = new Map<string, string>()
  for (const group of groups.values()) {
    if (group.length === 1) continue
    const byContent = new Map<number, Tensor[]>()
    for (const tensor of group) {
      const bytes = tensorBytes(tensor)
      const key = checksum(bytes)
      const same = (byContent.get(key) ?? []).find((other) => sameBytes(bytes, tensorBytes(other)))
      if (same) equal.set(tensor.name, same.name)
      else byContent.set(key, [...(byContent.get(key) ?? []), tensor])
    }
  }
  return equal
}

/** Bytes that the checksum looks at, spread evenly: weights are hardly ever equal, and reading them all costs. */
const SAMPLED = 256

/** FNV-1a over a sample: equal content has equal sums; what has equal sums is compared byte by byte. */
function checksum(bytes: Uint8Array): number {
  // Odd, so that it does not see the same byte of every number.
  const step = Math.ceil(bytes.length / SAMPLED) | 1
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i += step) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash >>> 0
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
