# cmake --install build/release --prefix /usr/local
include(GNUInstallDirs)

install(TARGETS openshell-injector openshell-driver-pods RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs PATTERN man EXCLUDE)
install(DIRECTORY docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY manifests DESTINATION ${CMAKE_INSTALL_DATADIR}/${PROJECT_NAME})
