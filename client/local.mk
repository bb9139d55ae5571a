# client/: libheygen-client and heygenctl
pkgconfig_DATA = client/libheygen-client.pc
