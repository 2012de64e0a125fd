import type { GpuCapability } from "../../../model/gpus.ts";

/** Libraries whose file ends in the driver's version, without `lib`. */
const versioned: Readonly<Partial<Record<GpuCapability, string>>> = {
  utility: "nvidia-ml nvidia-cfg nvidia-nscq",
  compute:
    "cuda cudadebugger nvidia-opencl nvidia-gpucomp nvidia-ptxjitcompiler nvidia-fatbinaryloader nvidia-allocator " +
    "nvidia-compiler nvidia-pkcs11 nvidia-pkcs11-openssl3 nvidia-nvvm nvidia-tileiras",
  video: "vdpau_nvidia nvidia-encode nvidia-opticalflow nvcuvid",
  graphics:
    "nvidia-eglcore nvidia-glcore nvidia-tls nvidia-glsi nvidia-fbc nvidia-ifr nvidia-rtcore nvidia-glvkspirv " +
    "nvidia-cbl nvoptix GLX_nvidia EGL_nvidia GLESv2_nvidia GLESv1_CM_nvidia",
  ngx: "nvidia-ngx",
};

/** Libraries with versions of their own. */
const ownVersion: Readonly<Partial<Record<GpuCapability, string>>> = {
  compute: "nvidia-nvvm70",
  graphics: "nvidia-egl-gbm nvidia-egl-wayland nvidia-egl-wayland2 nvidia-egl-xcb nvidia-egl-xlib",
};

const capabilityOf = (table: Readonly<Partial<Record<GpuCapability, string>>>) =>
  new Map(
    (Object.entries(table) as [GpuCapability, string][]).flatMap(([capability, names]) =>
      names.split(" ").map((name) => [name, capability] as const),
    ),
  );

const byVersion = capabilityOf(versioned);
const byOwnVersion = capabilityOf(ownVersion);

/** What a file in a directory of libraries is for; null: it is not this driver's. */
export function capabilityOfLibrary(file: string, version: string): GpuCapability | null {
  const [, name = "", rest = ""] = /^lib(.+?)\.so\.(.+)$/.exec(file) ?? [];
  if (rest === version) return byVersion.get(name) ?? null;
  return /^\d+(\.\d+)+$/.test(rest) || /^4$/.test(rest) ? (byOwnVersion.get(name) ?? null) : null;
}

/** Names that tell where the driver's libraries are. */
export const landmarks = ["libcuda.so.1", "libnvidia-ml.so.1", "libGLX_nvidia.so.0", "libnvidia-cfg.so.1"];

export const libraryDirectories = {
  x64: ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib/x86_64-linux-gnu", "/lib64"],
  arm64: ["/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib/aarch64-linux-gnu", "/lib64"],
  i386: ["/usr/lib/i386-linux-gnu", "/usr/lib32", "/usr/local/nvidia/lib"],
} as const;

/** Where drivers are mounted into virtual machines and by cluster installers. */
export const splitDirectories = ["/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/local/nvidia"];
