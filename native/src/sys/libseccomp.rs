//! libseccomp, opened at run time: the oracle of the filter compiler's tests.

use std::ffi::{CStr, CString, c_int, c_uint, c_void};
use std::io::{Read, Seek};

use rustix::fs::MemfdFlags;

type Context = *mut c_void;

/// struct scmp_arg_cmp.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    pub argument: c_uint,
    pub operator: c_uint,
    pub value: u64,
    pub value_two: u64,
}

/// The library's functions that a test needs.
pub struct Library {
    init: extern "C" fn(u32) -> Context,
    release: extern "C" fn(Context),
    arch_add: extern "C" fn(Context, u32) -> c_int,
    resolve: extern "C" fn(*const libc::c_char) -> c_int,
    resolve_for: extern "C" fn(u32, *const libc::c_char) -> c_int,
    rule_add: extern "C" fn(Context, u32, c_int, c_uint, *const Comparison) -> c_int,
    export: extern "C" fn(Context, c_int) -> c_int,
}

impl Library {
    /// Panics with what to install when the library is missing: a test without it tests nothing.
    pub fn open() -> Self {
        // SAFETY: the name is a C string; the library's constructors have no preconditions.
        let handle = unsafe { libc::dlopen(c"libseccomp.so.2".as_ptr(), libc::RTLD_NOW) };
        assert!(
            !handle.is_null(),
            "libseccomp.so.2 is missing: apt-get install libseccomp2"
        );
        let symbol = |name: &CStr| {
            // SAFETY: the handle is open, and stays open for the life of the process.
            let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
            assert!(!found.is_null(), "libseccomp has no {name:?}");
            found
        };
        // SAFETY: these are the signatures in seccomp.h for these names, unchanged in version 2.
        unsafe {
            Self {
                init: std::mem::transmute::<*mut c_void, extern "C" fn(u32) -> Context>(symbol(
                    c"seccomp_init",
                )),
                release: std::mem::transmute::<*mut c_void, extern "C" fn(Context)>(symbol(
                    c"seccomp_release",
                )),
                arch_add: std::mem::transmute::<*mut c_void, extern "C" fn(Context, u32) -> c_int>(
                    symbol(c"seccomp_arch_add"),
                ),
                resolve: std::mem::transmute::<
                    *mut c_void,
                    extern "C" fn(*const libc::c_char) -> c_int,
                >(symbol(c"seccomp_syscall_resolve_name")),
                resolve_for: std::mem::transmute::<
                    *mut c_void,
                    extern "C" fn(u32, *const libc::c_char) -> c_int,
                >(symbol(c"seccomp_syscall_resolve_name_arch")),
                rule_add: std::mem::transmute::<
                    *mut c_void,
                    extern "C" fn(Context, u32, c_int, c_uint, *const Comparison) -> c_int,
                >(symbol(c"seccomp_rule_add_array")),
                export: std::mem::transmute::<*mut c_void, extern "C" fn(Context, c_int) -> c_int>(
                    symbol(c"seccomp_export_bpf"),
                ),
            }
        }
    }

    /// The number of a system call on an architecture; negative: it knows none.
    pub fn number(&self, token: u32, name: &str) -> c_int {
        let name = CString::new(name).unwrap();
        (self.resolve_for)(token, name.as_ptr())
    }

    /// The program for a default, further architectures and rules (name, action, comparisons).
    pub fn compile(
        &self,
        default: u32,
        arches: &[u32],
        rules: &[(String, u32, Vec<Comparison>)],
    ) -> Vec<libc::sock_filter> {
        let context = (self.init)(default);
        assert!(!context.is_null(), "seccomp_init");
        for arch in arches {
            let added = (self.arch_add)(context, *arch);
            assert!(
                added == 0 || added == -libc::EEXIST,
                "seccomp_arch_add {arch:x}: {added}"
            );
        }
        for (name, action, comparisons) in rules {
            let number = (self.resolve)(CString::new(name.as_str()).unwrap().as_ptr());
            let count = comparisons.len().try_into().unwrap();
            let added = (self.rule_add)(context, *action, number, count, comparisons.as_ptr());
            assert!(
                added == 0 || added == -libc::EEXIST,
                "seccomp_rule_add {name} {comparisons:?}: {added}"
            );
        }
        let mut file =
            std::fs::File::from(rustix::fs::memfd_create("bpf", MemfdFlags::CLOEXEC).unwrap());
        assert_eq!(
            (self.export)(context, std::os::fd::AsRawFd::as_raw_fd(&file)),
            0,
            "seccomp_export_bpf"
        );
        (self.release)(context);
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        let instruction = |bytes: &[u8]| libc::sock_filter {
            code: u16::from_ne_bytes([bytes[0], bytes[1]]),
            jt: bytes[2],
            jf: bytes[3],
            k: u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        };
        bytes.chunks_exact(8).map(instruction).collect()
    }
}
