/**
 * The network of the papers' theory: the mean of tanh(⟨w, x⟩) over particles w, with no bias and nothing trained but the
 * first layer, on data as they are.
 */
export const tanhNeurons = {
  secondLayer: 'fixed',
  outputScale: 1,
  bias: false,
  scale: 'none',
  scaleTargets: false,
} as const
