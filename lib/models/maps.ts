/** Maps of things that are made once, when they are first asked for. */

export function once<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

export function inner<K, L, V>(maps: Map<K, Map<L, V>>, key: K): Map<L, V> {
  return once(maps, key, () => new Map())
}
