//! Standing back for the node that is measured.

/// Lowers the priority of the calling thread alone, as `nice` counts; threads that it starts have it too. Whether that was
/// possible: only Linux counts priorities by thread.
pub fn stand_back(by: u8) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::process::setpriority_process(Some(rustix::thread::gettid()), i32::from(by)).is_ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = by;
        false
    }
}
