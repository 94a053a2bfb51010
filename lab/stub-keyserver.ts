/** A keyserver that is not ours: serves given certificates over HTTPS, or behaves as badly as a test wants. */

export type StubBehaviour =
  | { readonly kind: "normal" }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: "body"; readonly body: Uint8Array | string; readonly contentType?: string }
  | { readonly kind: "redirect"; readonly location: string; readonly status?: number }
  | { readonly kind: "truncated" }
  | { readonly kind: "endless" }
  | { readonly kind: "slow"; readonly byteEveryMs: number }
  | { readonly kind: "reset" }
  | { readonly kind: "silent" };

export type StubKeyserverOptions = {
  readonly host: string;
  /** 0 or absent: any. */
  readonly port?: number;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Armored certificates by address. */
  readonly certificates: Readonly<Record<string, string>>;
  readonly behaviour?: StubBehaviour;
};

export type StubKeyserver = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Path and query of every request so far. */
  readonly requests: readonly string[];
  /** Changes what it does from the next request on. */
  readonly behave: (behaviour: StubBehaviour) => void;
  readonly publish: (address: string, armored: string) => void;
};

export async function startStubKeyserver(options: StubKeyserverOptions): Promise<StubKeyserver> {
  return Promise.reject(new Error(`${options.host} is not built yet`));
}
