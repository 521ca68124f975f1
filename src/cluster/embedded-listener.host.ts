export const listenForOutsiders = async (..._: unknown[]): Promise<{ kubeconfig: string; close(): Promise<void> }> => {
  throw new Error("x");
};
