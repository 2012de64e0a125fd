/* A CUDA program without the toolkit: the driver's own interface, opened by name, and the kernel as PTX.
 *
 *     cc -O1 -o vector-add vector-add.c -ldl
 *
 * Exit codes: 0 the sum is right; 2 libcuda.so.1 is not found; 3 a call failed; 4 the sum is wrong. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 4096 };

static const char ptx[] =
    ".version 6.0\n"
    ".target sm_50\n"
    ".address_size 64\n"
    ".visible .entry vector_add(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)\n"
    "{\n"
    "  .reg .pred %p<2>;\n"
    "  .reg .f32 %f<4>;\n"
    "  .reg .b32 %r<6>;\n"
    "  .reg .b64 %rd<11>;\n"
    "  ld.param.u64 %rd1, [a];\n"
    "  ld.param.u64 %rd2, [b];\n"
    "  ld.param.u64 %rd3, [c];\n"
    "  ld.param.u32 %r1, [n];\n"
    "  mov.u32 %r2, %ctaid.x;\n"
    "  mov.u32 %r3, %ntid.x;\n"
    "  mov.u32 %r4, %tid.x;\n"
    "  mad.lo.s32 %r5, %r2, %r3, %r4;\n"
    "  setp.ge.u32 %p1, %r5, %r1;\n"
    "  @%p1 bra done;\n"
    "  cvta.to.global.u64 %rd4, %rd1;\n"
    "  cvta.to.global.u64 %rd5, %rd2;\n"
    "  cvta.to.global.u64 %rd6, %rd3;\n"
    "  mul.wide.u32 %rd7, %r5, 4;\n"
    "  add.s64 %rd8, %rd4, %rd7;\n"
    "  add.s64 %rd9, %rd5, %rd7;\n"
    "  add.s64 %rd10, %rd6, %rd7;\n"
    "  ld.global.f32 %f1, [%rd8];\n"
    "  ld.global.f32 %f2, [%rd9];\n"
    "  add.f32 %f3, %f1, %f2;\n"
    "  st.global.f32 [%rd10], %f3;\n"
    "done:\n"
    "  ret;\n"
    "}\n";

static void *library;

/* The address of a function of the driver; the program ends where there is none. */
static void *function(const char *name) {
  void *found = dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "libcuda.so.1 has no %s\n", name);
    exit(3);
  }
  return found;
}

static void check(int result, const char *call) {
  if (result != 0) {
    fprintf(stderr, "%s: CUDA error %d\n", call, result);
    exit(3);
  }
}

#define CALL(name, types, ...) check(((int(*) types)function(name))(__VA_ARGS__), name)

int main(void) {
  library = dlopen("libcuda.so.1", RTLD_NOW);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  int count = 0, device = 0;
  void *context = NULL, *module = NULL, *kernel = NULL;
  char name[100] = "";
  CALL("cuInit", (unsigned), 0);
  CALL("cuDeviceGetCount", (int *), &count);
  CALL("cuDeviceGet", (int *, int), &device, 0);
  CALL("cuDeviceGetName", (char *, int, int), name, sizeof name, device);
  CALL("cuCtxCreate_v2", (void **, unsigned, int), &context, 0, device);
  CALL("cuModuleLoadData", (void **, const void *), &module, ptx);
  CALL("cuModuleGetFunction", (void **, void *, const char *), &kernel, module, "vector_add");

  static float a[COUNT], b[COUNT], c[COUNT];
  for (int i = 0; i < COUNT; i++) {
    a[i] = (float)i;
    b[i] = (float)(2 * i);
  }
  unsigned long long da = 0, db = 0, dc = 0;
  unsigned n = COUNT;
  CALL("cuMemAlloc_v2", (unsigned long long *, size_t), &da, sizeof a);
  CALL("cuMemAlloc_v2", (unsigned long long *, size_t), &db, sizeof b);
  CALL("cuMemAlloc_v2", (unsigned long long *, size_t), &dc, sizeof c);
  CALL("cuMemcpyHtoD_v2", (unsigned long long, const void *, size_t), da, a, sizeof a);
  CALL("cuMemcpyHtoD_v2", (unsigned long long, const void *, size_t), db, b, sizeof b);
  void *arguments[] = {&da, &db, &dc, &n};
  CALL("cuLaunchKernel",
       (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **),
       kernel, COUNT / 256, 1, 1, 256, 1, 1, 0, NULL, arguments, NULL);
  CALL("cuCtxSynchronize", (void), );
  CALL("cuMemcpyDtoH_v2", (void *, unsigned long long, size_t), c, dc, sizeof c);
  for (int i = 0; i < COUNT; i++) {
    if (c[i] != (float)(3 * i)) {
      fprintf(stderr, "c[%d] is %f\n", i, (double)c[i]);
      return 4;
    }
  }
  printf("%d GPU(s); the sum on %s is right\n", count, name);
  return 0;
}
