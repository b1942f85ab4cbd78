# Installs the headers, the library, the CMake package and the pkg-config file.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(elegy_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/elegy")

install(TARGETS elegy
  EXPORT elegy-targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/elegy"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.h")
install(EXPORT elegy-targets NAMESPACE elegy:: DESTINATION "${elegy_package_dir}")

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/elegy-config.cmake.in"
  "${PROJECT_BINARY_DIR}/elegy-config.cmake"
  INSTALL_DESTINATION "${elegy_package_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/elegy-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/elegy-config.cmake"
  "${PROJECT_BINARY_DIR}/elegy-config-version.cmake"
  DESTINATION "${elegy_package_dir}")

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# Paths in the pkg-config file are relative to the file, so that the installed tree can be moved.
set(elegy_pc_dir "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH ELEGY_PC_INCLUDEDIR "${elegy_pc_dir}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/elegy.pc.in" "${PROJECT_BINARY_DIR}/elegy.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/elegy.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
