/*
 * A Vulkan layer that lets Dawn open RADV's null hardware (RADV_FORCE_FAMILY) and says what the compiler made of each
 * compute pipeline. Null hardware compiles but has no command streams: recording and submitting do nothing here.
 *
 * To the file LARGEKERNEL_ISA_OUTPUT, for each pipeline: lines "name: value" of VK_KHR_pipeline_executable_properties, the line
 * "assembly", the assembly, the line "end".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>
#include <vulkan/vk_layer.h>

#define EXPORT __attribute__((visibility("default")))

/* One instance and one device are all that the report opens. */
static VkInstance instance;
static VkDevice device;
static PFN_vkGetInstanceProcAddr next_instance_proc;
static PFN_vkGetDeviceProcAddr next_device_proc;

#define NEXT_INSTANCE(name) ((PFN_##name)next_instance_proc(instance, #name))
#define NEXT_DEVICE(name) ((PFN_##name)next_device_proc(device, #name))

static VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo* info, const VkAllocationCallbacks* allocator,
                                           VkInstance* made) {
    VkLayerInstanceCreateInfo* link = (void*)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO))
        link = (void*)link->pNext;
    if (!link) return VK_ERROR_INITIALIZATION_FAILED;
    next_instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkResult result = ((PFN_vkCreateInstance)next_instance_proc(NULL, "vkCreateInstance"))(info, allocator, made);
    if (result == VK_SUCCESS) instance = *made;
    return result;
}

/* Adds VK_KHR_pipeline_executable_properties to what Dawn asks for. */
static VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo* info,
                                         const VkAllocationCallbacks* allocator, VkDevice* made) {
    VkLayerDeviceCreateInfo* link = (void*)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO))
        link = (void*)link->pNext;
    if (!link) return VK_ERROR_INITIALIZATION_FAILED;
    PFN_vkGetInstanceProcAddr instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    next_device_proc = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    const char** extensions = calloc(info->enabledExtensionCount + 1, sizeof *extensions);
    if (!extensions) return VK_ERROR_OUT_OF_HOST_MEMORY;
    if (info->enabledExtensionCount)
        memcpy(extensions, info->ppEnabledExtensionNames, info->enabledExtensionCount * sizeof *extensions);
    extensions[info->enabledExtensionCount] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR feature = {
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, (void*)info->pNext, VK_TRUE};
    VkDeviceCreateInfo more = *info;
    more.pNext = &feature;
    more.enabledExtensionCount++;
    more.ppEnabledExtensionNames = extensions;
    VkResult result =
        ((PFN_vkCreateDevice)instance_proc(instance, "vkCreateDevice"))(physical, &more, allocator, made);
    free(extensions);
    if (result == VK_SUCCESS) device = *made;
    return result;
}

static void describe(VkPipeline pipeline, FILE* out) {
    VkPipelineExecutableInfoKHR which = {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, NULL, pipeline, 0};
    uint32_t count = 0;
    PFN_vkGetPipelineExecutableStatisticsKHR statistics_of = NEXT_DEVICE(vkGetPipelineExecutableStatisticsKHR);
    statistics_of(device, &which, &count, NULL);
    VkPipelineExecutableStatisticKHR* statistics = calloc(count, sizeof *statistics);
    for (uint32_t i = 0; i < count; i++) statistics[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    statistics_of(device, &which, &count, statistics);
    for (uint32_t i = 0; i < count; i++)
        fprintf(out, "%s: %llu\n", statistics[i].name, (unsigned long long)statistics[i].value.u64);
    free(statistics);

    fputs("assembly\n", out);
    PFN_vkGetPipelineExecutableInternalRepresentationsKHR texts_of =
        NEXT_DEVICE(vkGetPipelineExecutableInternalRepresentationsKHR);
    count = 0;
    texts_of(device, &which, &count, NULL);
    VkPipelineExecutableInternalRepresentationKHR* texts = calloc(count, sizeof *texts);
    for (uint32_t i = 0; i < count; i++)
        texts[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR;
    texts_of(device, &which, &count, texts);
    for (uint32_t i = 0; i < count; i++) texts[i].pData = calloc(1, texts[i].dataSize + 1);
    texts_of(device, &which, &count, texts);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(texts[i].name, "Assembly") == 0) fprintf(out, "%s\n", (char*)texts[i].pData);
        free(texts[i].pData);
    }
    free(texts);
    fputs("end\n", out);
}

static VkResult VKAPI_CALL create_pipelines(VkDevice of, VkPipelineCache cache, uint32_t count,
                                            const VkComputePipelineCreateInfo* infos,
                                            const VkAllocationCallbacks* allocator, VkPipeline* made) {
    PFN_vkCreateComputePipelines create = NEXT_DEVICE(vkCreateComputePipelines);
    for (uint32_t i = 0; i < count; i++) {
        VkComputePipelineCreateInfo info = infos[i];
        info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR |
                      VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
        VkResult result = create(of, cache, 1, &info, allocator, &made[i]);
        if (result != VK_SUCCESS) return result;
        FILE* out = fopen(getenv("LARGEKERNEL_ISA_OUTPUT"), "a");
        if (!out) return VK_ERROR_INITIALIZATION_FAILED;
        describe(made[i], out);
        fclose(out);
    }
    return VK_SUCCESS;
}

static VkResult VKAPI_CALL begin_nothing(VkCommandBuffer buffer, const VkCommandBufferBeginInfo* info) {
    (void)buffer, (void)info;
    return VK_SUCCESS;
}

static VkResult VKAPI_CALL end_nothing(VkCommandBuffer buffer) {
    (void)buffer;
    return VK_SUCCESS;
}

static VkResult VKAPI_CALL submit_nothing(VkQueue queue, uint32_t count, const VkSubmitInfo* infos, VkFence fence) {
    (void)queue, (void)count, (void)infos, (void)fence;
    return VK_SUCCESS;
}

static PFN_vkVoidFunction VKAPI_CALL instance_proc_addr(VkInstance of, const char* name);
static PFN_vkVoidFunction VKAPI_CALL device_proc_addr(VkDevice of, const char* name);

static const struct {
    const char* name;
    PFN_vkVoidFunction function;
} OWN[] = {
    {"vkGetInstanceProcAddr", (PFN_vkVoidFunction)instance_proc_addr},
    {"vkGetDeviceProcAddr", (PFN_vkVoidFunction)device_proc_addr},
    {"vkCreateInstance", (PFN_vkVoidFunction)create_instance},
    {"vkCreateDevice", (PFN_vkVoidFunction)create_device},
    {"vkCreateComputePipelines", (PFN_vkVoidFunction)create_pipelines},
    {"vkBeginCommandBuffer", (PFN_vkVoidFunction)begin_nothing},
    {"vkEndCommandBuffer", (PFN_vkVoidFunction)end_nothing},
    {"vkQueueSubmit", (PFN_vkVoidFunction)submit_nothing},
};

static PFN_vkVoidFunction own(const char* name) {
    for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++)
        if (strcmp(name, OWN[i].name) == 0) return OWN[i].function;
    return NULL;
}

static PFN_vkVoidFunction VKAPI_CALL instance_proc_addr(VkInstance of, const char* name) {
    PFN_vkVoidFunction function = own(name);
    if (function) return function;
    return next_instance_proc ? next_instance_proc(of, name) : NULL;
}

static PFN_vkVoidFunction VKAPI_CALL device_proc_addr(VkDevice of, const char* name) {
    PFN_vkVoidFunction function = own(name);
    return function ? function : next_device_proc(of, name);
}

EXPORT VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface* interface) {
    interface->loaderLayerInterfaceVersion = 2;
    interface->pfnGetInstanceProcAddr = instance_proc_addr;
    interface->pfnGetDeviceProcAddr = device_proc_addr;
    interface->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
