/** Programs and data of the run by which the chart is checked. Undefined where one cannot be had: then its specs are skipped. */
export const chartTools = (): {
  readonly helm: string | undefined;
  readonly promtool: string | undefined;
  /** A directory with `node_modules`. */
  readonly kubernetesModels: string | undefined;
} => ({
  helm: process.env['MUSTER_TEST_HELM'],
  promtool: process.env['MUSTER_TEST_PROMTOOL'],
  kubernetesModels: process.env['MUSTER_TEST_KUBERNETES_MODELS'],
});
